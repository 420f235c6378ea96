"""Values that TensorFlow's operators and PyTorch's optimizers computed, by the rules; see golden/README.md.

To test another original, add its cases to ``golden/`` and one row to ``TENSORFLOW`` or ``TORCH``.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.system.test_golden import TOLERANCE, distance

FOLDER = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class Operator:
    """What stands for an operator of TensorFlow.

    Attributes:
        rule: the rule; its states and the original's have the same order.
        cases: how many cases there are.
        scalars: our names of scalars that are called otherwise there.
        switches: switches beyond the original's attributes, which have the names of ours.
    """

    rule: Callable[..., Any]
    cases: int
    scalars: dict[str, str] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)


ALPHA = {"alpha": "lr"}
BY_RATE = {"shrink_by_rate": True}

TENSORFLOW = {
    "ResourceApplyAdaMax": Operator(fs.rules.adamax, 10),
    "ResourceApplyAdadelta": Operator(fs.rules.adadelta, 12),
    "ResourceApplyAdagrad": Operator(fs.rules.adagrad, 12),
    "ResourceApplyAdagradDA": Operator(fs.rules.adagrad_da, 17),
    "ResourceApplyAdagradV2": Operator(fs.rules.adagrad, 15),
    "ResourceApplyAdam": Operator(fs.rules.adam, 12),
    "ResourceApplyAdamWithAmsgrad": Operator(fs.rules.amsgrad, 13),
    "ResourceApplyAddSign": Operator(fs.rules.add_sign, 10),
    "ResourceApplyCenteredRMSProp": Operator(fs.rules.centered_rmsprop, 11),
    "ResourceApplyFtrl": Operator(fs.rules.ftrl, 25),
    "ResourceApplyFtrlV2": Operator(fs.rules.ftrl, 19),
    "ResourceApplyGradientDescent": Operator(fs.rules.gradient_descent, 11, ALPHA),
    "ResourceApplyKerasMomentum": Operator(fs.rules.keras_momentum, 14),
    "ResourceApplyMomentum": Operator(fs.rules.momentum, 16),
    "ResourceApplyPowerSign": Operator(fs.rules.power_sign, 10),
    "ResourceApplyProximalAdagrad": Operator(fs.rules.proximal_adagrad, 15, {}, BY_RATE),
    "ResourceApplyProximalGradientDescent": Operator(fs.rules.proximal_gradient_descent, 16, ALPHA),
    "ResourceApplyRMSProp": Operator(fs.rules.rmsprop, 15),
    "ResourceSparseApplyAdadelta": Operator(fs.rules.adadelta, 21),
    "ResourceSparseApplyAdagrad": Operator(fs.rules.adagrad, 22),
    "ResourceSparseApplyAdagradDA": Operator(fs.rules.adagrad_da, 18),
    "ResourceSparseApplyAdagradV2": Operator(fs.rules.adagrad, 22),
    "ResourceSparseApplyCenteredRMSProp": Operator(fs.rules.centered_rmsprop, 18),
    "ResourceSparseApplyFtrl": Operator(fs.rules.ftrl, 32),
    "ResourceSparseApplyFtrlV2": Operator(fs.rules.ftrl, 35),
    "ResourceSparseApplyKerasMomentum": Operator(fs.rules.keras_momentum, 19),
    "ResourceSparseApplyMomentum": Operator(fs.rules.momentum, 20),
    "ResourceSparseApplyProximalAdagrad": Operator(fs.rules.proximal_adagrad, 17, {}, BY_RATE),
    "ResourceSparseApplyProximalGradientDescent": Operator(fs.rules.proximal_gradient_descent, 19, ALPHA),
    "ResourceSparseApplyRMSProp": Operator(fs.rules.rmsprop, 17),
}


@dataclass(frozen=True)
class Optimizer:
    """What stands for an optimizer of PyTorch.

    Attributes:
        rule: the rule.
        cases: how many cases there are.
        states: the original's names of the rule's states; those that it does not keep, with what they start at.
        scalars: the rule's scalars, from the original's hyper-parameters and the step, counted from 1.
        switches: the rule's switches, from the hyper-parameters.
    """

    rule: Callable[..., Any]
    cases: int
    states: dict[str, float]
    scalars: Callable[[dict[str, Any], int], dict[str, float]]
    switches: Callable[[dict[str, Any]], dict[str, bool]] = lambda _: {}


def some(hyper: dict[str, Any], *names: str) -> dict[str, float]:
    return {name: hyper[name] for name in ("lr", *names)} | ({"epsilon": hyper["eps"]} if "eps" in hyper else {})


def betas(hyper: dict[str, Any], step: int) -> dict[str, float]:
    powers = {f"beta{number}_power": beta**step for number, beta in enumerate(hyper["betas"], 1)}
    return some(hyper) | dict(zip(("beta1", "beta2"), hyper["betas"], strict=True)) | powers


def decayed_betas(hyper: dict[str, Any], step: int) -> dict[str, float]:
    return betas(hyper, step) | some(hyper, "weight_decay")


def one_power(hyper: dict[str, Any], step: int) -> dict[str, float]:
    return {name: value for name, value in decayed_betas(hyper, step).items() if name != "beta2_power"}


def falling_rate(hyper: dict[str, Any], step: int) -> dict[str, float]:
    return some(hyper, "weight_decay") | {"lr": hyper["lr"] / (1 + (step - 1) * hyper["lr_decay"])}


def momenta(hyper: dict[str, Any], step: int) -> dict[str, float]:
    mu = [hyper["betas"][0] * (1 - 0.5 * 0.96 ** (t * hyper["momentum_decay"])) for t in range(1, step + 2)]
    scalars = decayed_betas(hyper, step) | {"mu": mu[-2], "mu_next": mu[-1], "mu_product": float(np.prod(mu[:-1]))}
    return {name: value for name, value in scalars.items() if name != "beta1_power"}


MEANS = {"exp_avg": 0, "exp_avg_sq": 0}
WITH_AMSGRAD: dict[str, Any] = {
    "states": MEANS | {"max_exp_avg_sq": 0},
    "scalars": decayed_betas,
    "switches": lambda hyper: {"amsgrad": hyper["amsgrad"]},
}

TORCH = {
    "Adadelta": Optimizer(
        fs.rules.torch_adadelta,
        11,
        {"square_avg": 0, "acc_delta": 0},
        lambda hyper, _: some(hyper, "rho", "weight_decay"),
    ),
    "Adagrad": Optimizer(fs.rules.torch_adagrad, 15, {"sum": 0}, falling_rate),
    "Adam": Optimizer(fs.rules.torch_adam, 15, **WITH_AMSGRAD),
    "AdamW": Optimizer(fs.rules.adamw, 15, **WITH_AMSGRAD),
    "Adamax": Optimizer(fs.rules.torch_adamax, 9, {"exp_avg": 0, "exp_inf": 0}, one_power),
    "NAdam": Optimizer(
        fs.rules.nadam, 10, MEANS, momenta, lambda hyper: {"decoupled": hyper["decoupled_weight_decay"]}
    ),
    "RMSprop": Optimizer(
        fs.rules.torch_rmsprop,
        13,
        {"square_avg": 0, "grad_avg": 0, "momentum_buffer": 0},
        lambda hyper, _: some(hyper, "alpha", "momentum", "weight_decay"),
        lambda hyper: {"centered": hyper["centered"]},
    ),
    "SGD": Optimizer(
        fs.rules.sgd,
        19,
        {"momentum_buffer": 0, "stat": 1},
        lambda hyper, _: some(hyper, "momentum", "dampening", "weight_decay"),
        lambda hyper: {"nesterov": hyper["nesterov"]},
    ),
    "SparseAdam": Optimizer(fs.rules.adam, 17, MEANS, betas),
}


# Where an original is not followed. In a case that is named here, an element that is finite on one side only must equal
# the rule on NumPy arrays instead; all others must equal the original, and one at least must not.
NOTHING_SEEN = "the original computes 0/0 = NaN where accum and gradient are 0; here no step is taken"
DENORMAL = (
    "the original takes denormal numbers for 0, and 0/0 for NaN; here no step is taken where squares underflow to 0"
)

EXCEPTIONS = {
    "ResourceApplyAdaMax__naninf__float32": "the original's maximum loses a NaN gradient; here it stays in v",
    "ResourceApplyAdagrad__zero_state__float32": NOTHING_SEEN,
    "ResourceApplyAdagrad__denormal__float32": DENORMAL,
    "ResourceApplyFtrl__naninf__float32": "the original makes a weight 0 whose linear is NaN; here it is NaN",
    "ResourceApplyProximalAdagrad__zero_state__float32": NOTHING_SEEN,
    "ResourceApplyProximalAdagrad__denormal__float32": DENORMAL,
    "ResourceSparseApplyAdagrad__zero_state__float32__int32": NOTHING_SEEN,
    "ResourceSparseApplyProximalAdagrad__zero_state__float32__int32": NOTHING_SEEN,
}


def manifest(origin: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((FOLDER / f"{origin}.json").read_text())["cases"]
    return entries


@cache
def arrays_of(origin: str, op: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / origin / f"{op}.npz") as file:
        return dict(file)


def read(origin: str, entry: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a case: the states, with where they start, and the gradients and indices of every step."""
    prefix = entry["id"].removeprefix(f"{entry['op']}__") + "/"
    found = {
        name.removeprefix(prefix): array
        for name, array in arrays_of(origin, entry["op"]).items()
        if name.startswith(prefix)
    }
    # NumPy's files know no bfloat16: they hold its bits.
    return {name: each.view(reference.BFLOAT16) if each.dtype == np.uint16 else each for name, each in found.items()}


class Run:
    """A rule's steps beside an original's, and beside the rule on NumPy arrays."""

    def __init__(self, rule: Callable[..., Any], switches: dict[str, bool], states: dict[str, np.ndarray]) -> None:
        self.operator = fs.Operator(rule, **switches)
        self.rule, self.switches = rule, switches
        self.states = states
        self.expected = [array.copy() for array in states.values()]
        self.excepted = 0

    def step(self, grad: np.ndarray, indices: np.ndarray | None, scalars: dict[str, float]) -> None:
        self.operator(*self.states.values(), grad, indices, **scalars)
        self.expected = reference.step(self.rule, self.expected, grad, indices, "touched", scalars, self.switches)

    def compare(self, entry: dict[str, Any], originals: dict[str, np.ndarray], step: int) -> None:
        bound, excepted = entry.get("bound", TOLERANCE[entry["dtype"]]), entry["id"] in EXCEPTIONS
        for (name, state), expected in zip(self.states.items(), self.expected, strict=True):
            if name not in originals:
                continue
            original = originals[name]
            assert state.dtype == original.dtype
            odd = special(state) != special(original) if excepted else np.zeros(state.shape, bool)
            assert distance(state[~odd], original[~odd]) <= bound, f"{name}, step {step}"
            assert distance(state[odd], expected[odd]) <= bound, f"{name}, step {step}"
            self.excepted += np.count_nonzero(odd)
            if state.dtype.itemsize == 2:
                # The originals round after every operation: the next step is compared from where they are.
                state[...] = original


def special(array: np.ndarray) -> np.ndarray:
    """What tells numbers that are not finite from those that are, and from each other."""
    with np.errstate(invalid="ignore"):
        value = array.astype(np.float64)
        return np.where(np.isnan(value), 2, np.where(np.isinf(value), np.sign(value), 0))


# In 16 bits every operator has kernels of its own, whose rounding does not depend on the rule: in each run some have.
IN_SIXTEEN_BITS = ("Adam", "ResourceApplyFtrl", "ResourceSparseApplyAdagrad", "ResourceSparseApplyProximalAdagrad")


def parameters(origin: str) -> list[Any]:
    found = []
    for entry in manifest(origin):
        short = entry["dtype"] not in ("float16", "bfloat16") or entry["op"] in IN_SIXTEEN_BITS
        found.append(pytest.param(entry, id=entry["id"], marks=() if short else pytest.mark.long))
    return found


@pytest.mark.parametrize("entry", parameters("tensorflow"))
def test_tensorflow(entry: dict[str, Any]) -> None:
    row, arrays = TENSORFLOW[entry["op"]], read("tensorflow", entry)
    states = {name: np.array(arrays[name][0]) for name in entry["states"]}
    run = Run(row.rule, entry["attrs"] | row.switches, states)
    for number, grad in enumerate(map(np.asarray, arrays["grad"])):
        scalars = {
            row.scalars.get(name, name): value[number] if isinstance(value, list) else value
            for name, value in entry["scalars"].items()
        }
        if "indices" in arrays:
            # The gradients of one row are applied one after another there, where we sum them first.
            for each in range(len(grad)):
                run.step(grad[each : each + 1], arrays["indices"][number][each : each + 1], scalars)
        else:
            run.step(grad, None, scalars)
        originals = {name: arrays[name][number + 1] for name in states}
        run.compare(entry, originals, number + 1)
    assert bool(run.excepted) == (entry["id"] in EXCEPTIONS)


@pytest.mark.parametrize("entry", parameters("torch"))
def test_torch(entry: dict[str, Any]) -> None:
    row, arrays, hyper = TORCH[entry["op"]], read("torch", entry), entry["hyper"]
    param = np.array(arrays["param"][0])
    states = {"param": param} | {name: np.full_like(param, value) for name, value in row.states.items()}
    states |= {name: np.array(arrays[name][0]) for name in entry["states"]}
    run = Run(row.rule, row.switches(hyper), states)
    for number, grad in enumerate(map(np.asarray, arrays["grad"])):
        indices = arrays["indices"][number] if "indices" in arrays else None
        run.step(-grad if hyper["maximize"] else grad, indices, row.scalars(hyper, number + 1))
        originals = {name: arrays[name][number + 1] for name in entry["states"]}
        run.compare(entry, originals, number + 1)
    assert bool(run.excepted) == (entry["id"] in EXCEPTIONS)


@pytest.mark.parametrize(("origin", "rows"), [("tensorflow", TENSORFLOW), ("torch", TORCH)])
def test_every_case_is_run(origin: str, rows: dict[str, Any]) -> None:
    assert len(manifest(origin)) == {"tensorflow": 513, "torch": 124}[origin]
    entries = manifest(origin)
    assert Counter(entry["op"] for entry in entries) == {name: row.cases for name, row in rows.items()}
    assert len({entry["id"] for entry in entries}) == len(entries)
    assert {path.stem for path in (FOLDER / origin).iterdir()} == rows.keys()
    for op in rows:
        named = {name.split("/")[0] for name in arrays_of(origin, op)}
        assert named == {entry["id"].removeprefix(f"{op}__") for entry in entries if entry["op"] == op}


def test_every_exception_is_of_a_case() -> None:
    assert EXCEPTIONS.keys() <= {entry["id"] for origin in ("tensorflow", "torch") for entry in manifest(origin)}
