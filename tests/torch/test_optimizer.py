"""The optimizers compared with torch's, live and golden: results, states, checkpoints in both directions."""

import copy
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests.system.test_golden import TOLERANCE, distance
from tests.system.test_golden_rules import manifest, parameters, read

torch = pytest.importorskip("torch")


BOUND = {torch.float64: 1e-12, torch.float32: 2e-6}


@dataclass(frozen=True)
class Row:
    """An optimizer that torch has, too.

    Attributes:
        name: of both.
        settings: constructor's arguments, one after another.
        sparse: those of them with which torch takes sparse gradients, ``None`` if it never takes dense ones.
        bound: how far results may be from torch's, where that is another number than ``BOUND``.
    """

    name: str
    settings: tuple[dict[str, Any], ...]
    sparse: tuple[dict[str, Any], ...] = ()
    dense: bool = True
    bound: dict[Any, float] = field(default_factory=lambda: BOUND)


UP = {"maximize": True}
DECAY = {"weight_decay": 0.1}
ADAM = ({}, DECAY, {"amsgrad": True, "lr": 0.1, "betas": (0.8, 0.9)}, UP | {"eps": 0.01})

ROWS = [
    Row(
        "SGD",
        (
            {"lr": 0.1},
            {"lr": 0.1} | DECAY | UP,
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.5} | DECAY,
            {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        ),
        ({"lr": 0.1}, {"lr": 0.1} | UP),
    ),
    Row("Adam", (*ADAM, {"decoupled_weight_decay": True} | DECAY)),
    Row("AdamW", ADAM),
    Row("SparseAdam", (), ({}, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.01}, UP), dense=False),
    Row(
        "Adagrad",
        ({}, {"lr_decay": 0.1} | DECAY, UP | {"initial_accumulator_value": 0.3}),
        ({}, {"lr_decay": 0.1, "initial_accumulator_value": 0.3}, UP),
    ),
    Row("RMSprop", ({}, {"momentum": 0.9} | DECAY, {"centered": True, "alpha": 0.9, "momentum": 0.5}, UP)),
    Row("Adadelta", ({}, {"lr": 0.3, "rho": 0.8} | DECAY, UP)),
    Row("Adamax", ({}, {"lr": 0.1, "betas": (0.8, 0.9)} | DECAY, UP)),
    Row(
        "NAdam",
        ({}, {"momentum_decay": 0.01} | DECAY, {"decoupled_weight_decay": True} | DECAY, UP),
        bound={torch.float64: 1e-7, torch.float32: 2e-6},
    ),
    Row("RAdam", ({}, {"betas": (0.8, 0.9)} | DECAY, {"decoupled_weight_decay": True} | DECAY, UP)),
]
FUNCTIONS = {"clip_grad_norm_", "fuse_embeddings", "keep_freed_memory"}
ALL = sorted({*fs.torch.__all__} - {"Embedding", "EmbeddingBag", "RuleOptimizer", *FUNCTIONS})
NAMED = [pytest.param(row, setting, id=f"{row.name}-{n}") for row in ROWS for n, setting in enumerate(row.settings)]
SPARSE = [pytest.param(row, setting, id=f"{row.name}-{n}") for row in ROWS for n, setting in enumerate(row.sparse)]


def build(name: str, params: Any, **settings: Any) -> Any:
    """One of our optimizers, with the argument that has no default."""
    return getattr(fs.torch, name)(params, **({"lr": 0.1} if name == "FTRL" else {}) | settings)


class Pair:
    """The same parameters twice, with torch's optimizer and with ours."""

    def __init__(self, name: str, settings: dict[str, Any], dtype: Any, sparse: bool = False) -> None:
        self.generator = torch.Generator().manual_seed(7)
        shapes = [(11, 5), (7, 3)] if sparse else [(11, 5), (3, 4, 2), (), (6,)]
        values = [torch.randn(shape, generator=self.generator, dtype=torch.float64).to(dtype) for shape in shapes]
        self.theirs, self.ours = ([torch.nn.Parameter(each.clone()) for each in values] for _ in range(2))
        self.their = getattr(torch.optim, name)(self.theirs, **settings)
        self.our = getattr(fs.torch, name)(self.ours, **settings)
        self.schedules = [torch.optim.lr_scheduler.ExponentialLR(each, 0.9) for each in (self.their, self.our)]
        self.sparse, self.number = sparse, 0

    def gradient(self, param: Any) -> Any:
        if not self.sparse:
            return torch.randn(param.shape, generator=self.generator, dtype=torch.float64).to(param.dtype)
        rows = torch.randint(0, len(param), (1, 9), generator=self.generator)
        values = torch.randn((9, *param.shape[1:]), generator=self.generator, dtype=torch.float64).to(param.dtype)
        return torch.sparse_coo_tensor(rows, values, param.shape, check_invariants=True)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.number += 1
            for number, (their, our) in enumerate(zip(self.theirs, self.ours, strict=True)):
                # One parameter skips steps: it has its own count.
                gradient = None if number == 1 and self.number % 3 == 0 else self.gradient(their)
                their.grad, our.grad = gradient, copy.deepcopy(gradient)
            for optimizer, schedule in zip((self.their, self.our), self.schedules, strict=True):
                optimizer.step()
                schedule.step()

    def compare(self, bound: dict[Any, float]) -> None:
        for their, our in zip(self.theirs, self.ours, strict=True):
            assert_near(our, their, bound)
            states, expected = self.our.state[our], self.their.state[their]
            assert states.keys() == expected.keys()
            for key, value in expected.items():
                assert type(states[key]) is type(value)
                assert_near(torch.as_tensor(states[key]), torch.as_tensor(value), bound)


def assert_near(got: Any, want: Any, bound: dict[Any, float]) -> None:
    # torch converts a loaded number to the parameter's dtype; ours keeps its dtype.
    assert got.dtype == want.dtype or not want.dim()
    assert got.shape == want.shape
    if not want.is_floating_point() or not want.dim():
        assert got.item() == pytest.approx(want.item(), rel=bound[torch.float32])
    elif want.numel():
        relative, got, want = bound[got.dtype], got.detach().double(), want.detach().double()
        # Relative to the largest: sums of numbers of both signs cancel.
        assert float((got - want).abs().max()) <= relative * max(1.0, float(want.abs().max()))


@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize(("row", "settings"), NAMED)
def test_dense_steps_equal_torchs(row: Row, settings: dict[str, Any], dtype: Any) -> None:
    pair = Pair(row.name, settings, dtype)
    for _ in range(3):
        pair.step(4)
        pair.compare(row.bound)


@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize(("row", "settings"), SPARSE)
def test_sparse_steps_equal_torchs(row: Row, settings: dict[str, Any], dtype: Any) -> None:
    pair = Pair(row.name, settings, dtype, sparse=True)
    for _ in range(3):
        pair.step(4)
        pair.compare(row.bound)


@pytest.mark.parametrize(("row", "settings"), [*NAMED, *SPARSE])
def test_checkpoints_move_in_both_directions(row: Row, settings: dict[str, Any]) -> None:
    pair = Pair(row.name, settings, torch.float64, sparse=settings in row.sparse and settings not in row.settings)
    pair.step(4)
    ours, theirs = saved(pair.our), saved(pair.their)
    assert ours["param_groups"][0].keys() == theirs["param_groups"][0].keys()
    pair.our.load_state_dict(theirs)
    pair.their.load_state_dict(ours)
    pair.step(4)
    pair.compare(row.bound)


def saved(optimizer: Any) -> dict[str, Any]:
    """A checkpoint, through a file."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.parametrize("name", ALL)
def test_sparse_gradients_over_every_row_are_dense_ones(name: str) -> None:
    generator = torch.Generator().manual_seed(8)
    value = torch.randn(9, 4, generator=generator)
    dense, sparse = torch.nn.Parameter(value.clone()), torch.nn.Parameter(value.clone())
    optimizers = build(name, [dense]), build(name, [sparse], rows="every")
    for _ in range(4):
        rows = torch.randint(0, 9, (1, 6), generator=generator)
        # Halves of small integers have exact sums in any order.
        values = torch.randint(-4, 5, (6, 4), generator=generator) / 2
        sparse.grad = torch.sparse_coo_tensor(rows, values, (9, 4), check_invariants=True)
        dense.grad = sparse.grad.to_dense()
        for optimizer in optimizers:
            optimizer.step()
        assert torch.equal(dense, sparse)
    for key, state in optimizers[0].state[dense].items():
        assert torch.equal(torch.as_tensor(state), torch.as_tensor(optimizers[1].state[sparse][key])), key


@pytest.mark.parametrize("name", ALL)
def test_sparse_gradients_step_with_touched_rows_alone(name: str) -> None:
    value = torch.randn(9, 4, generator=torch.Generator().manual_seed(8))
    whole, part = torch.nn.Parameter(value.clone()), torch.nn.Parameter(value[[2, 7]].clone())
    settings = {"weight_decay": 0.1} if name in ("SGD", "Adam", "AdamW", "Adagrad", "Lion", "RAdam") else {}
    optimizers = build(name, [whole], **settings), build(name, [part], **settings)
    for number in range(1, 4):
        rows, values = torch.tensor([[7, 2, 7]]), torch.tensor([[0.5], [0.25], [1.0]]).expand(3, 4) * number
        whole.grad = torch.sparse_coo_tensor(rows, values, (9, 4), check_invariants=True)
        part.grad = torch.tensor([[0.25], [1.5]]).expand(2, 4) * number
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(whole[[2, 7]], part)
    others = [0, 1, 3, 4, 5, 6, 8]
    assert torch.equal(whole[others], value[others])


def golden() -> list[Any]:
    return parameters("torch")


@pytest.mark.parametrize("entry", golden())
def test_golden(entry: dict[str, Any]) -> None:
    arrays, hyper = read("torch", entry), dict(entry["hyper"])
    if entry["op"] == "AdamW":
        del hyper["decoupled_weight_decay"]
    param = torch.nn.Parameter(tensor(arrays["param"][0]))
    optimizer = getattr(fs.torch, entry["op"])([param], **hyper)
    for name in set(entry["states"]) - {"param"}:
        optimizer.state[param][name] = tensor(arrays[name][0])
    if entry["op"] == "SGD" and not hyper["momentum"]:
        optimizer.state.clear()
    elif entry["op"] == "SGD":
        # The cases start before the first gradient.
        optimizer.state[param]["momentum_buffer"] = None
    for number, grad in enumerate(arrays["grad"]):
        gradient = tensor(grad)
        if "indices" in arrays:
            rows = torch.from_numpy(np.array(arrays["indices"][number]))[None].long()
            gradient = torch.sparse_coo_tensor(rows, gradient, param.shape, check_invariants=True)
        param.grad = gradient
        optimizer.step()
        found = {"param": param.detach(), **optimizer.state[param]}
        for name in entry["states"]:
            original = arrays[name][number + 1]
            got = array(found[name], original)
            assert distance(got, original) <= entry.get("bound", TOLERANCE[entry["dtype"]]), (
                f"{name}, step {number + 1}"
            )
            if original.dtype.itemsize == 2:
                # The originals round after every operation: compare the next step from their values.
                found[name].copy_(tensor(original))


def tensor(value: np.ndarray) -> Any:
    value = np.array(value)
    if value.dtype.name == "bfloat16":
        return torch.from_numpy(value.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(value)


def array(value: Any, like: np.ndarray) -> np.ndarray:
    value = value.detach()
    return value.view(torch.int16).numpy().view(like.dtype) if value.dtype == torch.bfloat16 else value.numpy()


def test_every_golden_case_is_run() -> None:
    assert len(golden()) == len(manifest("torch")) == 124
