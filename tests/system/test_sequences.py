"""Any sequence of calls on the same memory leaves what the rules say, bit for bit, and refused ones leave nothing."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import fusedstep as fs
from fusedstep.runtime.cpu import parts
from tests import reference
from tests.battery_calls import laid_out
from tests.forked import in_child

ROWS, WIDTH = 7, 3
SCALARS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "beta1_power": 0.9, "beta2_power": 0.999}
ORDER = ["beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"]
OPERATORS = {"FusedSparseAdam": "every", "FusedSparseLazyAdam": "touched", "Adam": None}

seeds = st.integers(0, 2**32 - 1)
row_lists = st.lists(st.integers(0, ROWS - 1), max_size=9)
special = st.sampled_from([0.0, -0.0, 1e-310, 1e200, np.inf, np.nan])


class Calls(RuleBasedStateMachine):
    """Operators that share one set of states, which lies in guarded memory and is stepped by the rule beside."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = parts.ELEMENTS_PER_THREAD, parts.ELEMENTS_PER_PART, fs.get_num_threads()
        parts.ELEMENTS_PER_THREAD, parts.ELEMENTS_PER_PART = 1, 20
        self.operators: dict[tuple[str, bool, bool], Any] = {}

    def teardown(self) -> None:
        parts.ELEMENTS_PER_THREAD, parts.ELEMENTS_PER_PART, threads = self.limits
        fs.set_num_threads(threads)

    @initialize(seed=seeds, dtype=st.sampled_from(["float64", "float32"]), wide=st.booleans())
    def begin(self, seed: int, dtype: str, wide: bool) -> None:
        rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)
        drawn = [reference.numbers(rng, (ROWS, WIDTH), self.dtype, positive=state == 2) for state in range(3)]
        self.memories = [laid_out(values, "wide" if wide else "C") for values in drawn]
        self.states = [memory.view(memory.raw) for memory in self.memories]
        self.expected = [values.copy() for values in drawn]
        self.around = self.outside()

    def outside(self) -> list[bytes]:
        found = []
        for memory in self.memories:
            raw = memory.raw.copy()
            memory.view(raw)[...] = 0
            found.append(raw.tobytes())
        return found

    def operator(self, name: str, nesterov: bool, locking: bool) -> Any:
        key = name, nesterov, locking
        if key not in self.operators:
            self.operators[key] = getattr(fs.ops, name)(use_nesterov=nesterov, use_locking=locking)
        return self.operators[key]

    def gradient(self, seed: int, rows: int, value: float) -> np.ndarray:
        grad = reference.numbers(np.random.default_rng(seed), (rows, WIDTH), self.dtype)
        with np.errstate(over="ignore"):
            grad.reshape(-1)[: seed % 2] = value
        return grad

    @rule(
        name=st.sampled_from(list(OPERATORS)),
        nesterov=st.booleans(),
        locking=st.booleans(),
        rows=row_lists,
        seed=seeds,
        value=special,
    )
    def step(self, name: str, nesterov: bool, locking: bool, rows: list[int], seed: int, value: float) -> None:
        indices = None if OPERATORS[name] is None else np.array(rows, np.int64)
        grad = self.gradient(seed, ROWS if indices is None else len(rows), value)
        self.expected = reference.step(
            fs.rules.adam,
            self.expected,
            grad,
            indices,
            OPERATORS[name] or "every",
            SCALARS,
            {"use_nesterov": nesterov},
        )
        numbers = [SCALARS[each] for each in ORDER]
        self.operator(name, nesterov, locking)(*self.states, *numbers, grad, *([] if indices is None else [indices]))

    @rule(name=st.sampled_from(list(OPERATORS)), bad=st.sampled_from(["row", "shape", "type", "lr", "alias", "locked"]))
    def refused(self, name: str, bad: str) -> None:
        sparse = OPERATORS[name] is not None
        states, numbers = list(self.states), [SCALARS[each] for each in ORDER]
        grad, indices = np.ones((ROWS, WIDTH), self.dtype), np.arange(ROWS)
        match bad:
            case "row" if sparse:
                indices[-1] = ROWS
            case "type":
                grad = grad.astype(np.float16)
            case "lr":
                numbers[ORDER.index("lr")] = -0.1
            case "alias":
                states[2] = states[1]
            case "locked":
                states[2] = states[2].view()
                states[2].flags.writeable = False
            case _:
                grad = grad[:, 1:]
        with pytest.raises((TypeError, ValueError, IndexError), match=f"^{name}: "):
            self.operator(name, False, True)(*states, *numbers, grad, *([indices] if sparse else []))

    @rule(count=st.integers(1, 6))
    def threads(self, count: int) -> None:
        fs.set_num_threads(count)

    @rule()
    def pickled(self) -> None:
        self.operators = pickle.loads(pickle.dumps(self.operators))  # noqa: S301 - our own

    @rule(rows=row_lists)
    def in_a_child(self, rows: list[int]) -> None:
        def work() -> None:
            self.step("FusedSparseLazyAdam", False, True, rows, 0, 0.0)
            self.states_are_the_rules()
            self.what_is_around_is_untouched()

        in_child(work)

    @invariant()
    def states_are_the_rules(self) -> None:
        for state, want in zip(getattr(self, "states", []), getattr(self, "expected", []), strict=True):
            reference.assert_same_bits(np.ascontiguousarray(state), want)

    @invariant()
    def what_is_around_is_untouched(self) -> None:
        assert getattr(self, "around", None) is None or self.outside() == self.around


Calls.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSequences = Calls.TestCase
