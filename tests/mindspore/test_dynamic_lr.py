"""Lists of learning rates: MindSpore's numbers, refusals, and what holds for each list."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusedstep.mindspore import nn

# What MindSpore 2.10 returns.
LISTS: list[tuple[str, tuple[Any, ...], str]] = [
    ("piecewise_constant_lr", ([2, 5, 6], [0.1, 0.05, 0.01]), "0.1 0.1 0.05 0.05 0.05 0.01"),
    ("piecewise_constant_lr", ((2, 2, 3), (0.1, 0.5, -0.2)), "0.1 0.1 -0.2"),
    ("piecewise_constant_lr", ([], []), ""),
    (
        "exponential_decay_lr",
        (0.1, 0.9, 5, 2, 1),
        "0.1 0.1 0.09000000000000001 0.09000000000000001 0.08100000000000002",
    ),
    (
        "exponential_decay_lr",
        (0.03, 0.7, 5, 2, 3),
        "0.03 0.03 0.02663712005227802 0.02663712005227802 0.023651205489315725",
    ),
    ("exponential_decay_lr", (0.03, 0.7, 5, 1, 3, True), "0.03 0.03 0.03 0.020999999999999998 0.020999999999999998"),
    (
        "natural_exp_decay_lr",
        (0.1, 0.9, 5, 1, 2, True),
        "0.1 0.1 0.016529888822158657 0.016529888822158657 0.0027323722447292562",
    ),
    ("natural_exp_decay_lr", (0.1, 0.3, 5, 2, 2), "0.1 0.1 0.0740818220681718 0.0740818220681718 0.05488116360940265"),
    ("inverse_decay_lr", (0.1, 0.5, 4, 1, 1, True), "0.1 0.06666666666666667 0.05 0.04"),
    (
        "inverse_decay_lr",
        (0.1, 0.5, 7, 2, 3),
        "0.1 0.1 0.08571428571428572 0.08571428571428572 0.07500000000000001 0.07500000000000001 0.06666666666666667",
    ),
    ("cosine_decay_lr", (0.01, 0.1, 6, 2, 2), "0.1 0.1 0.05500000000000001 0.05500000000000001 0.01 0.01"),
    (
        "cosine_decay_lr",
        (0.0, 0.3, 7, 1, 5),
        "0.3 0.27135254915624213 0.19635254915624212 0.1036474508437579 0.0286474508437579 0.0 0.0",
    ),
    ("polynomial_decay_lr", (0.1, 0.01, 6, 2, 2, 0.5), "0.1 0.1 0.07363961030678928 0.07363961030678928 0.01 0.01"),
    (
        "polynomial_decay_lr",
        (0.1, 0.01, 5, 1, 3, 1.5, True),
        "0.1 0.05898979485566358 0.027320508075688775 0.01 0.027320508075688775",
    ),
    ("polynomial_decay_lr", (0.01, 0.1, 5, 1, 3, 2.0), "0.009999999999999995 0.05999999999999999 0.09 0.1 0.1"),
    ("warmup_lr", (0.1, 6, 2, 2), "0.0 0.0 0.05 0.05 0.1 0.1"),
    ("warmup_lr", (0.3, 5, 1, 4), "0.0 0.075 0.15 0.22499999999999998 0.3"),
]

DECAY = {
    "learning_rate": 0.1,
    "decay_rate": 0.9,
    "total_step": 6,
    "step_per_epoch": 2,
    "decay_epoch": 1,
    "is_stair": True,
}
# A good call of each function, by the names of its arguments.
GOOD: dict[str, dict[str, Any]] = {
    "piecewise_constant_lr": {"milestone": [2, 5], "learning_rates": [0.1, 0.2]},
    "exponential_decay_lr": DECAY,
    "natural_exp_decay_lr": DECAY,
    "inverse_decay_lr": DECAY,
    "cosine_decay_lr": {"min_lr": 0.01, "max_lr": 0.1, "total_step": 6, "step_per_epoch": 2, "decay_epoch": 2},
    "polynomial_decay_lr": {
        "learning_rate": 0.1,
        "end_learning_rate": 0.01,
        "total_step": 6,
        "step_per_epoch": 2,
        "decay_epoch": 2,
        "power": 0.5,
        "update_decay_epoch": True,
    },
    "warmup_lr": {"learning_rate": 0.1, "total_step": 6, "step_per_epoch": 2, "warmup_epoch": 2},
}
# What each kind of argument refuses.
REFUSED: dict[type, list[tuple[Any, type[Exception]]]] = {
    float: [
        *((odd, TypeError) for odd in (1, True, None, "0.1", np.float32(0.1), [0.1])),
        *((odd, ValueError) for odd in (-0.1, math.inf, math.nan)),
    ],
    int: [
        *((odd, TypeError) for odd in (1.0, True, None, "1", np.int64(1), [1])),
        *((odd, ValueError) for odd in (0, -1)),
    ],
    bool: [(odd, TypeError) for odd in (1, 0, None, "True", 1.0)],
    list: [(odd, TypeError) for odd in (1, None, np.ones(2), "ab", {2: 0.1, 5: 0.2})],
}
MAY_BE_ZERO = {
    ("cosine_decay_lr", "min_lr"),
    ("polynomial_decay_lr", "end_learning_rate"),
    ("warmup_lr", "learning_rate"),
}


@pytest.mark.parametrize(("name", "arguments", "text"), LISTS)
def test_a_list_has_mindspores_numbers(name: str, arguments: tuple[Any, ...], text: str) -> None:
    rates = getattr(nn, name)(*arguments)
    expected = [float(each) for each in text.split()]
    assert [type(rate) for rate in rates] == [float] * len(expected)
    # C libraries differ in the last bit of powers and cosines.
    bits = 1 if "exp" in name or name.startswith(("cos", "poly")) else 0
    np.testing.assert_array_max_ulp(np.array(rates), np.array(expected), maxulp=bits)


def test_every_function_is_in_the_tables() -> None:
    assert {name for name, _, _ in LISTS} == set(GOOD) == set(nn.dynamic_lr.__all__)


@pytest.mark.parametrize("name", GOOD)
def test_arguments_have_mindspores_names_and_refusals(name: str) -> None:
    function, good = getattr(nn, name), GOOD[name]
    assert function(**good) == function(*good.values())
    for argument, value in good.items():
        zero: list[tuple[Any, type[Exception]]] = [(0.0, ValueError)] if type(value) is float else []
        if (name, argument) in MAY_BE_ZERO:
            function(**good | {argument: 0.0})
            zero = []
        for odd, error in REFUSED[type(value)] + zero:
            with pytest.raises(error, match=rf"^{name}: {argument} is .*expected"):
                function(**good | {argument: odd})


@pytest.mark.parametrize(
    ("milestone", "rates", "error", "message"),
    [
        ([2], [0.1, 0.2], ValueError, "milestone has 1 elements and learning_rates 2, expected one rate"),
        ([5, 2], [0.1, 0.2], ValueError, r"milestone\[1\] is 2, expected 5 or above"),
        ([0, 2], [0.1, 0.2], ValueError, r"milestone\[0\] is 0, expected an int above 0"),
        ([2, 2.5], [0.1, 0.2], TypeError, r"milestone\[1\] is 2.5, of type float, expected an int"),
        ([True, 2], [0.1, 0.2], TypeError, r"milestone\[0\] is True"),
        ([2, 5], [0.1, 1], TypeError, r"learning_rates\[1\] is 1, of type int, expected a float; write 1.0"),
        ([2, 5], [0.1, math.nan], ValueError, r"learning_rates\[1\] is nan, expected a finite float"),
    ],
)
def test_milestones_are_refused_by_element(milestone: Any, rates: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^piecewise_constant_lr: {message}"):
        nn.piecewise_constant_lr(milestone, rates)


def test_the_ends_of_a_cosine_are_in_order() -> None:
    for call in (lambda: nn.cosine_decay_lr(0.1, 0.1, 6, 2, 2), lambda: nn.CosineDecayLR(0.1, 0.1, 4)):
        with pytest.raises(ValueError, match=r"max_lr is 0\.1, expected a float above min_lr, which is 0\.1"):
            call()


COUNTS = st.integers(1, 40)


@settings(deadline=None)
@given(total=COUNTS, per_epoch=st.integers(1, 7), decay=st.integers(1, 9), stair=st.booleans())
@pytest.mark.parametrize("name", ["exponential_decay_lr", "natural_exp_decay_lr", "inverse_decay_lr"])
def test_a_decay_falls_from_its_first_rate_once_an_epoch(
    name: str, total: int, per_epoch: int, decay: int, stair: bool
) -> None:
    rates = getattr(nn, name)(0.3, 0.8, total, per_epoch, decay, stair)
    assert len(rates) == total
    assert rates[0] == 0.3
    assert all(late <= early for early, late in pairwise(rates))
    constant = per_epoch * decay if stair else per_epoch
    assert all(rate == rates[step // constant * constant] for step, rate in enumerate(rates))


@settings(deadline=None)
@given(total=COUNTS, per_epoch=st.integers(1, 7), end=st.integers(1, 9), power=st.sampled_from([0.5, 1.0, 2.5]))
def test_what_ends_stays_at_its_end(total: int, per_epoch: int, end: int, power: float) -> None:
    after = slice(per_epoch * end, None)
    ends = {
        0.0625: nn.cosine_decay_lr(0.0625, 0.5, total, per_epoch, end),
        0.03125: nn.polynomial_decay_lr(0.5, 0.03125, total, per_epoch, end, power),
        0.25: nn.warmup_lr(0.25, total, per_epoch, end),
    }
    for last, rates in ends.items():
        assert len(rates) == total
        assert rates[after] == [last] * len(rates[after])
        # The first epochs hold other rates.
        assert all(rate != last for rate in rates[: per_epoch * end])


@settings(deadline=None)
@given(parts=st.lists(st.tuples(st.integers(1, 5), st.floats(0.0, 1.0)), max_size=6))
def test_milestones_split_the_steps(parts: list[tuple[int, float]]) -> None:
    milestones = [int(each) for each in np.cumsum([length for length, _ in parts])]
    rates = nn.piecewise_constant_lr(milestones, [rate for _, rate in parts])
    assert rates == [rate for length, rate in parts for _ in range(length)]
