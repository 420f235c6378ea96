"""Compares an operator's results with its rule's, in every type and on several numbers of threads."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..operators.catalogue import NamedOperator
from ..runtime.cpu.cpus import usable_cpus
from ..runtime.cpu.threads import get_num_threads, set_num_threads
from .arguments import arguments, described, dtypes, made, states_of
from .bounds import differs
from .expected import Expected, first_difference, rule_program
from .memory import around, guarded_all
from .outcome import Mismatch, Outcome

# An odd number of rows of an odd width, large enough for several small parts for each thread.
SHAPE = (203, 7)
INDICES = 97
THREADS = tuple(dict.fromkeys((1, 2, 5, usable_cpus())))
# Values of scalars for which the rule takes another branch.
BRANCHES = {"lr_power": -0.6}


class Branch(NamedTuple):
    """Changes to the constructor and the call for another branch of the rule."""

    options: dict[str, Any]
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return "".join(f", {name} {value}" for name, value in (self.options | self.arguments).items())


def branches(name: str) -> Iterator[Branch]:
    """The valid call itself, then those for other branches."""
    operator = described(name)
    yield Branch({}, {})
    for scalar, value in BRANCHES.items():
        if scalar in operator.constructor_arguments:
            yield Branch({scalar: value}, {})
        elif scalar in operator.entry.meanings:
            yield Branch({}, {scalar: value})


def check_results(outcome: Outcome, chosen: Sequence[str]) -> None:
    """Check an operator's results in some storage types."""
    before = get_num_threads()
    try:
        made_as = [(branch, made(outcome.name, **branch.options)) for branch in branches(outcome.name)]
        for dtype, (branch, operator) in product(chosen, made_as):
            values = special_arguments(outcome.name, dtype) | branch.arguments
            expected = Expected(operator, values)
            if not expected.exact and dtype not in outcome.near:
                outcome.near.append(dtype)
            first: dict[str, np.ndarray] = {}
            for threads in THREADS:
                set_num_threads(threads)
                description = f"{dtype}, {threads} thread{'s' * (threads > 1)}{branch}"
                outcome.check("rule", description, check_step, operator, values, expected, first)
    finally:
        set_num_threads(before)


def check_step(
    operator: NamedOperator, values: dict[str, Any], expected: Expected, first: dict[str, np.ndarray]
) -> None:
    """Take a step between guards. ``first`` has the results of the first step: later ones must have the same bits."""
    got = compared(operator, guarded_all(values), expected)
    for name, each in got.items():
        wrong = differs(each, first.setdefault(name, each), True)
        if wrong.any():
            came, wanted = first_difference(each, first[name], wrong)
            raise Mismatch(f"{name}: {came}", f"{wanted}, the same bits for any number of threads")


def compared(operator: NamedOperator, values: dict[str, Any], expected: Expected) -> dict[str, np.ndarray]:
    """Call an operator; return the states after checking them, and that nothing else has changed."""
    states = states_of(operator, values)
    beside = {name: around(each) for name, each in values.items() if isinstance(each, np.ndarray)}
    others = {name: values[name].copy() for name in beside if name not in states}
    returned = operator(**values)
    got = {name: values[name] for name in states}
    if operator.entry.creates:
        created = returned if isinstance(returned, tuple) else (returned,)
        got |= dict(zip(operator.entry.returns or operator.entry.creates, created, strict=True))
    for name, each in got.items():
        expected.compare(name, each)
    for name, each in beside.items():
        if around(values[name]) != each:
            raise Mismatch(f"memory beside {name} was written to", "as it was")
    for name, each in others.items():
        shared = any(np.shares_memory(values[name], values[state]) for state in states)
        if not shared and values[name].tobytes() != each.tobytes():
            raise Mismatch(f"{name} was written to", "as it was")
    return got


def special_arguments(name: str, dtype: str) -> dict[str, Any]:
    """A valid call with duplicate indices, and with NaN, Inf and zeros unless the rule has sums."""
    rng = np.random.default_rng(5)
    indices = rng.integers(0, SHAPE[0], INDICES)
    indices[[1, 7, 8, 20]] = 9
    operator = described(name)
    values = arguments(name, SHAPE, dtypes()[dtype], indices)
    if rule_program(operator.rule, operator.switches).reductions:
        return values
    grad = values[operator.labels.gradient]
    grad[3, 0], grad[4, 1], grad[4, 2] = np.nan, np.inf, -np.inf
    grad[5, :3] = 0.0, -0.0, np.finfo(np.float16).tiny / 8
    # An accumulator of zero: 0/0 for a rule that divides by its root.
    zero = int(values["indices"][0]) if "indices" in values else 13
    grad[0 if "indices" in values else zero, :2] = 0.0
    for number, state in enumerate(states_of(operator, values)):
        values[state][11, 0], values[state][11, 1 + number % 6] = 0.0, np.nan
        values[state][12, number % 7] = np.inf
        values[state][zero, :2] = 0.0
    return values
