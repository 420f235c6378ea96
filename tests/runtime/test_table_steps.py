"""Steps of tables in one call have the bits of single steps; what is invalid is refused, and nothing is changed."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import fusedstep as fs  # noqa: E402
from fusedstep import rules  # noqa: E402
from fusedstep.loops.cpu.table_step import REFUSED  # noqa: E402
from fusedstep.operators.bags import BagGradient, Bags  # noqa: E402
from fusedstep.operators.operator import Operator  # noqa: E402
from fusedstep.runtime.cpu.table_steps import TableLaunch, TableStep, take_all  # noqa: E402

RULES = [rules.adam, rules.rowwise_adagrad, rules.torch_sgd, rules.ftrl]


def never() -> Any:
    raise AssertionError("a step that is taken is not prepared again")


class Drawn:
    """A table, its states and the gradient of its lookups."""

    def __init__(self, draw: Any, rule: Any) -> None:
        self.operator = Operator(rule, use_momentum=True) if rule is rules.torch_sgd else Operator(rule)
        self.rows = draw(st.sampled_from(["touched", "every"]))
        self.dtype = draw(st.sampled_from([torch.float32, torch.float64]))
        self.table, self.width = draw(st.sampled_from([1, 3, 20, 1000])), draw(st.sampled_from([1, 2, 5, 16, 33]))
        self.random = np.random.default_rng(draw(st.integers(0, 1000)))
        kinds = self.operator.spec.kinds
        self.states = [self.numbers(*((self.table,) if kind == "row" else (self.table, self.width))) for kind in kinds]
        lookups = draw(st.sampled_from([1, 1, 2, 3]))
        self.lookups = [self.lookup(draw, may_weigh=lookups == 1) for _ in range(lookups)]

    def numbers(self, *shape: int) -> Any:
        return torch.from_numpy(self.random.random(shape) + 0.25).to(self.dtype)

    def lookup(self, draw: Any, may_weigh: bool) -> Bags:
        kind = draw(st.sampled_from([torch.int32, torch.int64]))
        bags, bagged = draw(st.integers(1, 40)), draw(st.booleans())
        lengths = self.random.integers(0, 5, bags) if bagged else np.ones(bags, int)
        count = int(lengths.sum())
        indices = torch.from_numpy(self.random.integers(0, self.table, count)).to(kind)
        if draw(st.booleans()):
            indices = indices.sort().values
        starts = torch.from_numpy(lengths.cumsum() - lengths).to(draw(st.sampled_from([torch.int32, torch.int64])))
        weights = self.numbers(count) - 0.5 if may_weigh and draw(st.booleans()) else None
        return Bags(self.numbers(bags, self.width) - 0.75, indices, starts if bagged else None, weights)

    def scalars(self) -> list[float]:
        return [0.5 for _ in self.operator.signature.scalars]

    def step(self, states: list[Any], lookups: list[Bags] | None = None) -> TableStep | None:
        given = BagGradient(tuple(self.lookups if lookups is None else lookups), private=True)
        return self.operator.table_step(states, given, self.rows, self.scalars())

    def expected(self) -> list[Any]:
        states = [state.clone() for state in self.states]
        self.operator.step(states, BagGradient(tuple(self.lookups)), None, self.rows, self.scalars())
        return states


def same(found: list[Any], expected: list[Any]) -> bool:
    return all(np.array_equal(a.numpy(), b.numpy(), equal_nan=True) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 5])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_bits_are_those_of_single_steps(threads: int, data: st.DataObject) -> None:
    tables = [Drawn(data.draw, data.draw(st.sampled_from(RULES))) for _ in range(data.draw(st.integers(1, 5)))]
    expected = [each.expected() for each in tables]
    made = [(each, step) for each in tables if (step := each.step(each.states)) is not None]
    for each in tables:
        counts = [len(lookup.indices) for lookup in each.lookups]
        few = each.rows == "every" and each.table > 2 * sum(counts)
        assert any(one is each for one, _ in made) == (all(counts) and not few)
    versions = [each.states[0]._version for each, _ in made]
    taken = take_all([TableLaunch(step, never) for _, step in made], threads)
    assert REFUSED not in taken
    assert len(taken) == len(made)
    assert all(each.states[0]._version > version for (each, _), version in zip(made, versions, strict=True))
    for each, after in zip(tables, expected, strict=True):
        if any(one is each for one, _ in made):
            assert same(each.states, after)


@pytest.mark.parametrize("threads", [1, 3])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_what_is_invalid_is_refused_alone(threads: int, data: st.DataObject) -> None:
    tables = [Drawn(data.draw, rules.adam) for _ in range(3)]
    for each in tables:
        each.rows = "touched"
    wrong = tables[1]
    lookup = wrong.lookups[-1]
    if lookup.offsets is None or data.draw(st.booleans()):
        value = data.draw(st.sampled_from([-1, wrong.table, -(2**31), 2**31 - 1]))
        place = data.draw(st.integers(0, max(0, len(lookup.indices) - 1)))
        spoilt = lookup.indices.clone()
        spoilt[place : place + 1] = value
        changed = lookup._replace(indices=spoilt)
    else:
        spoilt = lookup.offsets.clone()
        place = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[place] = data.draw(st.sampled_from([-1, 10_000, -(2**31)]))
        changed = lookup._replace(offsets=spoilt)
    before = [state.clone() for state in wrong.states]
    expected = [each.expected() for each in (tables[0], tables[2])]
    steps = [tables[0].step(tables[0].states), wrong.step(wrong.states, [*wrong.lookups[:-1], changed])]
    steps.append(tables[2].step(tables[2].states))
    launches = [TableLaunch(step, never) for step in steps if step is not None]
    if steps[1] is None or len(lookup.indices) == 0:
        return
    taken = take_all(launches, threads)
    assert [each != REFUSED for each in taken] == [step is not steps[1] for step in steps if step is not None]
    assert same(wrong.states, before)
    for each, step, after in zip((tables[0], tables[2]), (steps[0], steps[2]), expected, strict=True):
        assert step is None or same(each.states, after)


def test_a_launch_alone_is_that_of_an_operator() -> None:
    drawn_rows, width = 50, 4
    generator = torch.Generator().manual_seed(1)
    states = [torch.rand(drawn_rows, width, generator=generator) for _ in range(3)]
    lookup = Bags(torch.rand(30, width, generator=generator), torch.randint(0, drawn_rows, (30,), generator=generator))
    operator = Operator(rules.adam)
    scalars = [0.5] * len(operator.signature.scalars)
    expected = [state.clone() for state in states]
    operator.step(expected, BagGradient((lookup,)), None, "touched", scalars)
    step = operator.table_step(states, BagGradient((lookup,), private=True), "touched", scalars)
    assert step is not None
    TableLaunch(step, never)()
    assert same(states, expected)


@pytest.mark.parametrize(
    "change",
    [
        {"gradient": torch.ones(4, 5)},
        {"gradient": torch.ones(3, 4)},
        {"gradient": torch.ones(4, 4, dtype=torch.float64)},
        {"gradient": torch.ones(4, 8)[:, ::2]},
        {"indices": torch.zeros(4, dtype=torch.int16)},
        {"indices": torch.zeros(4)},
        {"indices": torch.zeros(2, 2, dtype=torch.int64)},
        {"indices": torch.zeros(8, dtype=torch.int64)[::2]},
        {"indices": torch.zeros(0, dtype=torch.int64)},
        {"offsets": torch.zeros(5, dtype=torch.int64)},
        {"offsets": torch.zeros(4)},
        {"weights": torch.ones(3)},
        {"weights": torch.ones(4, dtype=torch.float64)},
        {"weights": torch.ones(4, dtype=torch.bfloat16)},
    ],
    ids=str,
)
def test_what_is_not_plain_is_left_to_all_checks(change: dict[str, Any]) -> None:
    operator = Operator(rules.adam)
    states = [torch.ones(10, 4) for _ in range(3)]
    lookup = Bags(torch.ones(4, 4), torch.zeros(4, dtype=torch.int64))._replace(**change)
    scalars = [0.5] * len(operator.signature.scalars)
    assert operator.table_step(states, BagGradient((lookup,), private=True), "touched", scalars) is None


def test_indices_that_others_may_change_and_shared_memory_are_left_to_all_checks() -> None:
    operator = Operator(rules.adam)
    states = [torch.ones(10, 4) for _ in range(3)]
    scalars: list[Any] = [0.5] * len(operator.signature.scalars)
    indices = torch.zeros(4, dtype=torch.int64)
    lookup = Bags(torch.ones(4, 4), indices)
    # Indices are copied before they are checked; offsets and weights are not.
    assert operator.table_step(states, BagGradient((lookup,)), "touched", scalars) is not None
    for others in ({"offsets": torch.arange(4)}, {"weights": torch.ones(4)}):
        own = BagGradient((lookup._replace(**others),))
        assert operator.table_step(states, own, "touched", scalars) is None
        assert operator.table_step(states, own._replace(private=True), "touched", scalars) is not None
    for lookups in ([Bags(states[1][:4], indices)], [lookup, Bags(states[0][2:6], indices)]):
        assert operator.table_step(states, BagGradient(tuple(lookups), private=True), "touched", scalars) is None
    aliased = [states[0], states[1], states[1]]
    assert operator.table_step(aliased, BagGradient((lookup,), private=True), "touched", scalars) is None
    scalars[0] = np.float32(0.5)
    assert operator.table_step(states, BagGradient((lookup,), private=True), "touched", scalars) is None


def test_many_tables_at_the_same_time_from_several_threads() -> None:
    """Each call has its own counter and scratch."""
    operator = Operator(rules.adam)
    scalars = [0.5] * len(operator.signature.scalars)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        tables = [[torch.full((40, 3), 1.0 + seed) for _ in range(3)] for _ in range(30)]
        expected = [[each.clone() for each in states] for states in tables]
        lookups = [Bags(torch.ones(60, 3), torch.arange(60) % 40) for _ in tables]
        for states, lookup in zip(expected, lookups, strict=True):
            operator.step(states, BagGradient((lookup,)), None, "touched", scalars)
        steps = [
            operator.table_step(states, BagGradient((each,), private=True), "touched", scalars)
            for states, each in zip(tables, lookups, strict=True)
        ]
        taken = take_all([TableLaunch(step, never) for step in steps if step is not None], 3)
        if taken != [40] * 30 or not all(map(same, tables, expected)):
            wrong.append(seed)

    fs.set_num_threads(3)
    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
