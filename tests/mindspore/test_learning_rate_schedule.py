"""Learning rates as cells: MindSpore's float32 numbers, shapes, types and refusals."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fusedstep.mindspore as mindspore
from fusedstep.mindspore import Parameter, Tensor, nn
from fusedstep.mindspore.nn.learning_rate_schedule import LearningRateSchedule
from tests.mindspore.test_dynamic_lr import REFUSED

STEPS = [0, 1, 2, 3, 5, 9, 1000]
# What MindSpore 2.10 returns at these steps.
RATES: list[tuple[str, tuple[Any, ...], str]] = [
    ("ExponentialDecayLR", (0.1, 0.9, 4), "0.1 0.097400375 0.094868325 0.09240211 0.087660335 0.0788943 3.636005e-13"),
    ("ExponentialDecayLR", (0.1, 0.9, 4, True), "0.1 0.1 0.1 0.1 0.089999996 0.08099999 3.636005e-13"),
    ("NaturalExpDecayLR", (0.1, 0.9, 4, True), "0.1 0.1 0.1 0.1 0.0027323728 7.4658616e-05 0.0"),
    ("NaturalExpDecayLR", (0.1, 0.1, 4), "0.1 0.09048375 0.08187308 0.07408182 0.060653068 0.040656965 4e-45"),
    ("InverseDecayLR", (0.1, 0.9, 4, True), "0.1 0.1 0.1 0.1 0.052631583 0.035714287 0.00044247787"),
    ("InverseDecayLR", (0.1, 0.9, 4), "0.1 0.08163265 0.06896552 0.0597015 0.047058824 0.033057854 0.00044247787"),
    ("CosineDecayLR", (0.01, 0.1, 4), "0.1 0.086819805 0.055 0.02318019 0.01 0.01 0.01"),
    ("CosineDecayLR", (0.0, 0.3, 7), "0.3 0.28514534 0.24352346 0.18337812 0.056476515 0.0 0.0"),
    ("PolynomialDecayLR", (0.1, 0.01, 4, 0.5), "0.1 0.08794229 0.07363961 0.055 0.01 0.01 0.01"),
    ("PolynomialDecayLR", (0.1, 0.01, 4, 1.5, True), "0.1 0.06845672 0.041819803 0.02125 0.03066757 0.02125 0.01"),
    ("WarmUpLR", (0.1, 2), "0.0 0.05 0.1 0.1 0.1 0.1 0.1"),
    ("WarmUpLR", (0.3, 7), "0.0 0.042857148 0.085714296 0.12857144 0.21428573 0.3 0.3"),
]
DECAY = {"learning_rate": 0.1, "decay_rate": 0.9, "decay_steps": 4, "is_stair": True}
# A good call of each class, by the names of its arguments.
GOOD: dict[str, dict[str, Any]] = {
    "ExponentialDecayLR": DECAY,
    "NaturalExpDecayLR": DECAY,
    "InverseDecayLR": DECAY,
    "CosineDecayLR": {"min_lr": 0.01, "max_lr": 0.1, "decay_steps": 4},
    "PolynomialDecayLR": {
        "learning_rate": 0.1,
        "end_learning_rate": 0.01,
        "decay_steps": 4,
        "power": 0.5,
        "update_decay_steps": True,
    },
    "WarmUpLR": {"learning_rate": 0.1, "warmup_steps": 2},
}
MAY_BE_ZERO = {("CosineDecayLR", "min_lr"), ("PolynomialDecayLR", "end_learning_rate"), ("WarmUpLR", "learning_rate")}


@pytest.mark.parametrize(("name", "arguments", "text"), RATES)
def test_a_cell_has_mindspores_numbers(name: str, arguments: tuple[Any, ...], text: str) -> None:
    schedule = getattr(nn, name)(*arguments)
    for step, rate in zip(STEPS, np.array(text.split(), np.float32), strict=True):
        for number in (step, [step]):
            tensor = schedule(Tensor(number, mindspore.int32))
            assert type(tensor) is Tensor
            assert (tensor.dtype, tensor.shape) == (mindspore.float32, np.shape(number))
            np.testing.assert_array_equal(tensor.asnumpy(), np.full(np.shape(number), rate))


def test_every_class_is_in_the_tables() -> None:
    assert {name for name, _, _ in RATES} == set(GOOD) == set(nn.learning_rate_schedule.__all__)


@pytest.mark.parametrize("name", GOOD)
def test_a_step_may_be_any_number(name: str) -> None:
    schedule = getattr(nn, name)(**GOOD[name])
    expected = schedule(Tensor(3, mindspore.int32)).item()
    types = (mindspore.int64, mindspore.float16, mindspore.float32, mindspore.float64)
    steps = [*(Tensor(3, dtype) for dtype in types), Parameter(3, name="global_step"), 3, 3.0, np.int32(3), np.array(3)]
    for step in steps:
        rate = schedule(step)
        assert (rate.item(), rate.dtype) == (expected, mindspore.float32)
    many = schedule(Tensor(np.arange(6, dtype=np.int32).reshape(2, 3)))
    assert many.shape == (2, 3)
    assert many.asnumpy()[1, 0] == np.float32(expected)
    for odd in ("3", None, True, Tensor(True)):
        with pytest.raises(TypeError, match=f"^{name}: global_step is of type .*expected a tensor of integers"):
            schedule(odd)


@pytest.mark.parametrize("name", GOOD)
def test_a_step_is_left_as_it_is(name: str) -> None:
    step = Parameter(Tensor([7.0]), name="global_step")
    rate = getattr(nn, name)(**GOOD[name])(step)
    rate.asnumpy()[:] = -1
    assert step.asnumpy().tolist() == [7.0]


@pytest.mark.parametrize("name", GOOD)
def test_arguments_have_mindspores_names_and_refusals(name: str) -> None:
    make, good = getattr(nn, name), GOOD[name]
    assert make(**good)(3).item() == make(*good.values())(3).item()
    for argument, value in good.items():
        zero: list[tuple[Any, type[Exception]]] = [(0.0, ValueError)] if type(value) is float else []
        if (name, argument) in MAY_BE_ZERO:
            make(**good | {argument: 0.0})
            zero = []
        for odd, error in REFUSED[type(value)] + zero:
            with pytest.raises(error, match=rf"^{name}: {argument} is .*expected"):
                make(**good | {argument: odd})


@pytest.mark.parametrize("name", GOOD)
def test_settings_are_kept_under_mindspores_names(name: str) -> None:
    schedule = getattr(nn, name)(**GOOD[name])
    renamed = {"PolynomialDecayLR": {"learning_rate": "start_learning_rate"}}.get(name, {})
    assert {key: getattr(schedule, renamed.get(key, key)) for key in GOOD[name]} == GOOD[name]
    assert isinstance(schedule, LearningRateSchedule)
    assert isinstance(schedule, nn.Cell)
    assert not schedule.trainable_params()


def test_a_schedule_of_ones_own() -> None:
    class WarmThenCosine(LearningRateSchedule):
        def __init__(self) -> None:
            super().__init__()
            self.warm = nn.WarmUpLR(0.1, 4)
            self.cosine = nn.CosineDecayLR(0.01, 0.1, 8)

        def construct(self, global_step: Any) -> Any:
            return self.warm(global_step) if global_step.item() < 4 else self.cosine(global_step)

    schedule = WarmThenCosine()
    assert [round(schedule(Tensor(step)).item(), 4) for step in (0, 2, 4, 8)] == [0.0, 0.05, 0.055, 0.01]
    with pytest.raises(NotImplementedError, match=r"^LearningRateSchedule: has no construct\(\)"):
        LearningRateSchedule()(Tensor(0))


@settings(deadline=None)
@given(
    step=st.integers(0, 60),
    rate=st.floats(1e-5, 2.0),
    decay_rate=st.floats(0.05, 1.2),
    decay=st.integers(1, 20),
    switch=st.booleans(),
)
def test_a_cell_computes_what_the_list_holds(
    step: int, rate: float, decay_rate: float, decay: int, switch: bool
) -> None:
    end, power = rate / 8, 2 * decay_rate
    total = step + 1
    both: list[tuple[LearningRateSchedule, list[float]]] = [
        (
            nn.ExponentialDecayLR(rate, decay_rate, decay, switch),
            nn.exponential_decay_lr(rate, decay_rate, total, 1, decay, switch),
        ),
        (
            nn.NaturalExpDecayLR(rate, decay_rate, decay, switch),
            nn.natural_exp_decay_lr(rate, decay_rate, total, 1, decay, switch),
        ),
        (
            nn.InverseDecayLR(rate, decay_rate, decay, switch),
            nn.inverse_decay_lr(rate, decay_rate, total, 1, decay, switch),
        ),
        (nn.CosineDecayLR(end, rate, decay), nn.cosine_decay_lr(end, rate, total, 1, decay)),
        (
            nn.PolynomialDecayLR(rate, end, decay, power, switch),
            nn.polynomial_decay_lr(rate, end, total, 1, decay, power, switch),
        ),
        (nn.WarmUpLR(rate, decay), nn.warmup_lr(rate, total, 1, decay)),
    ]
    for schedule, rates in both:
        assert math.isclose(schedule(Tensor(step)).item(), rates[-1], rel_tol=2e-5, abs_tol=2e-38)
