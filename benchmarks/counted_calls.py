"""The calls whose instructions are counted: each once to compile and load its kernel, once between two requests."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from callgrind import dump, start, stop

import fusedstep as fs
from fusedstep import rules
from fusedstep.operators.catalogue import ENTRIES
from fusedstep.operators.operator import Operator

ROWS, WIDTH, BATCH, BAG = 4096, 64, 4096, 16
# A series with a bound, a decay, a threshold, and nothing at all; then a rule without closed form.
DEFERRED = (rules.adam, rules.momentum, rules.proximal_adagrad, rules.ftrl, rules.rmsprop)


def table(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32) + np.float32(0.5)


def indices() -> np.ndarray:
    """Rows drawn by Zipf's law, about a third of them different."""
    weights = 1 / np.arange(1, ROWS + 1)
    random = np.random.default_rng(7)
    return random.permutation(ROWS)[random.choice(ROWS, BATCH, p=weights / weights.sum())]


def states(operator: Operator) -> list[np.ndarray | None]:
    shapes = {"element": (ROWS, WIDTH), "row": (ROWS,), "column": (WIDTH,)}
    return [table(seed, shapes[kind]) if kind else None for seed, kind in enumerate(operator.spec.kinds)]


def scalars(rule: Callable[..., Any]) -> dict[str, float]:
    signature = Operator(rule).signature
    # So small that a closed form by a series serves.
    small = {"epsilon": 1e-8} if "epsilon" in signature.scalars else {}
    return dict.fromkeys(signature.scalars, 0.5) | dict(signature.defaults) | small


def calls() -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Names, what comes before a call, and the call: every rule of the catalogue in the ways that its operators run."""
    rows = indices()
    for rule, way in dict.fromkeys((entry.rule, entry.rows or "dense") for entry in ENTRIES):
        operator, gradient = Operator(rule), table(9, (ROWS, WIDTH))
        its = [] if way == "dense" else [rows]
        step = partial(operator, *states(operator), gradient, *its, rows=way.replace("dense", "touched"))
        yield f"{operator.name} {way}", list, partial(step, **scalars(rule))
    yield from calls_of_bags(rows)
    few, gradient = rows[: BATCH // 8], table(9, (BATCH // 8, WIDTH))
    for rule, method in [*((rule, "series") for rule in DEFERRED), (rules.adam, "replay")]:
        deferred = fs.DeferredRows(rule, *states(Operator(rule)), method=method)
        step = partial(deferred.step, **scalars(rule))
        sleep = partial(step, gradient[:2], rows[:2])
        name = f"{rule.__name__} {'replay ' * (method == 'replay')}"
        yield f"{name}catch_up", sleep, partial(deferred.catch_up, few)
        yield f"{name}deferred", sleep, partial(step, gradient, few)
        yield f"{name}flush", sleep, deferred.flush


def calls_of_bags(rows: np.ndarray) -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Steps with gradients of bags, without weights and with them."""
    operator, offsets = Operator(rules.adam), np.arange(0, BATCH, BAG)
    its = *states(operator), table(9, (len(offsets), WIDTH)), rows
    for name, weights in (("bags", None), ("weighted bags", table(10, (BATCH,)))):
        yield (
            f"adam touched {name}",
            list,
            partial(operator, *its, offsets=offsets, weights=weights, **scalars(rules.adam)),
        )


def main() -> None:
    fs.set_num_threads(1)
    for name, before, call in calls():
        before()
        call()
        before()
        start()
        call()
        dump(name)
        stop()


if __name__ == "__main__":
    main()
