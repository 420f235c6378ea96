"""Training loops of MindSpore with our optimizers: each way to step, checkpoints, callbacks, and what is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import pytest
from mindspore import nn

import fusedstep.mindspore.nn as ours
from tests.mindspore.beside_mindspore.side_by_side import (
    STEPS,
    assert_close,
    assert_same_parameters,
    parameters,
    tensor,
    values,
)

CLASSES: dict[str, dict[str, Any]] = {
    "Adam": {"learning_rate": 0.01, "weight_decay": 0.01},
    "AdamWeightDecay": {"learning_rate": 0.01, "weight_decay": 0.01},
    "AdamOffload": {"learning_rate": 0.01},
    "LazyAdam": {"learning_rate": 0.01, "loss_scale": 4.0},
    "FTRL": {"learning_rate": 0.1, "l2": 0.001},
    "ProximalAdagrad": {"learning_rate": 0.05, "l1": 0.001},
    "Adagrad": {"learning_rate": 0.05},
    "Adadelta": {"learning_rate": 1.0},
    "AdaMax": {"learning_rate": 0.01},
    "Momentum": {"learning_rate": 0.02, "momentum": 0.9},
    "SGD": {"learning_rate": 0.02, "momentum": 0.9},
    "RMSProp": {"learning_rate": 0.005, "centered": True, "epsilon": 1e-3},
    "AdaFactor": {"learning_rate": 0.01, "relative_step": False},
}
WITHOUT_KERNELS: dict[str, Any] = {
    "Lamb": lambda params: ours.Lamb(params, 0.01),
    "LARS": lambda params: ours.LARS(ours.Momentum(params, 0.5, 0.9), coefficient=0.1),
}


def network() -> Any:
    """A small network; the same weights each time."""
    net = nn.SequentialCell([nn.Dense(6, 16), nn.LayerNorm((16,)), nn.Tanh(), nn.Dense(16, 2)])
    shapes = {each.name: each.shape for each in net.trainable_params()}
    for parameter, value in zip(net.trainable_params(), parameters(shapes), strict=True):
        parameter.set_data(value * 0.3)
    return net


def batches(count: int = STEPS) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(3)
    for _ in range(count):
        x = rng.standard_normal((8, 6)).astype(np.float32)
        yield tensor(x), tensor(np.stack([np.tanh(x[:, 0]), x[:, 1] - x[:, 2]], 1).astype(np.float32))


def train(net: Any, optimizer: Any, count: int = STEPS) -> list[float]:
    """The losses of a loop with ``value_and_grad``."""
    loss_of = nn.MSELoss()
    compute = mindspore.value_and_grad(lambda x, y: loss_of(net(x), y), None, optimizer.parameters)
    losses = []
    for batch in batches(count):
        loss, grads = compute(*batch)
        optimizer(grads)
        losses.append(float(loss))
    return losses


def train_cell(net: Any, optimizer: Any, count: int = STEPS) -> list[float]:
    """The losses of a ``TrainOneStepCell``."""
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer)
    step.set_train()
    return [float(step(*batch)) for batch in batches(count)]


@pytest.mark.parametrize("loop", [train, train_cell])
@pytest.mark.parametrize("name", list(CLASSES))
def test_a_loop_gives_what_mindspore_gives(name: str, loop: Any) -> None:
    found = []
    for library in (nn, ours):
        net = network()
        optimizer = getattr(library, name)(net.trainable_params(), **CLASSES[name])
        losses = loop(net, optimizer)
        # Adadelta begins with tiny steps.
        assert np.mean(losses[-10:]) < (1.0 if name == "Adadelta" else 0.8) * np.mean(losses[:10])
        found.append((values(net.trainable_params()) | {"losses": np.array(losses)}, optimizer))
    (expected, of_mindspore), (got, of_ours) = found
    # A step sees rounding of the step before: the network multiplies differences.
    assert_close(got, expected, 1e-5)
    assert_same_parameters(of_ours, of_mindspore)


@pytest.mark.parametrize("name", list(WITHOUT_KERNELS))
@pytest.mark.parametrize("loop", [train, train_cell])
def test_a_loop_with_what_mindspore_cannot_run(name: str, loop: Any) -> None:
    net = network()
    losses = loop(net, WITHOUT_KERNELS[name](net.trainable_params()))
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])


@pytest.mark.parametrize("name", list(CLASSES))
@pytest.mark.parametrize("first", ["mindspore", "fusedstep"])
def test_a_checkpoint_of_one_is_read_by_the_other(name: str, first: str, tmp_path: Path) -> None:
    libraries = [nn, ours] if first == "mindspore" else [ours, nn]
    net = network()
    optimizer = getattr(libraries[0], name)(net.trainable_params(), **CLASSES[name])
    train(net, optimizer, 20)
    path = str(tmp_path / "state.ckpt")
    mindspore.save_checkpoint(optimizer, path)
    found = []
    for library in libraries:
        again = network()
        other = getattr(library, name)(again.trainable_params(), **CLASSES[name])
        not_loaded, not_used = mindspore.load_param_into_net(other, mindspore.load_checkpoint(path))
        assert not not_loaded
        assert not not_used
        assert_close(values(other.get_parameters()), values(optimizer.get_parameters()), 0)
        train(again, other, 20)
        found.append(values(other.get_parameters()))
    assert_close(found[1], found[0], 1e-5)


@pytest.mark.parametrize("name", [*CLASSES, *WITHOUT_KERNELS])
def test_a_checkpoint_continues_to_the_same_bits(name: str, tmp_path: Path) -> None:
    def make(net: Any) -> Any:
        if name in WITHOUT_KERNELS:
            return WITHOUT_KERNELS[name](net.trainable_params())
        return getattr(ours, name)(net.trainable_params(), **CLASSES[name])

    net = network()
    optimizer = make(net)
    train(net, optimizer, 10)
    path = str(tmp_path / "state.ckpt")
    mindspore.save_checkpoint(optimizer, path)
    train(net, optimizer, 10)
    again = network()
    other = make(again)
    # As a program that continues: it has stepped already.
    train(again, other, 3)
    mindspore.load_param_into_net(other, mindspore.load_checkpoint(path))
    train(again, other, 10)
    expected = values(optimizer.get_parameters())
    assert_close(values(other.get_parameters()), expected, 0)


def dataset(count: int = 25) -> Any:
    arrays = [np.concatenate([each.asnumpy() for each in column]) for column in zip(*batches(count), strict=True)]
    return mindspore.dataset.NumpySlicesDataset(tuple(arrays), ["x", "y"], shuffle=False).batch(8)


def test_model_train_with_callbacks(tmp_path: Path) -> None:
    found = []
    for library in (nn, ours):
        net = network()
        optimizer = library.Adam(net.trainable_params(), learning_rate=0.01)
        model = mindspore.Model(net, nn.MSELoss(), optimizer, metrics={"mse"})
        config = mindspore.CheckpointConfig(save_checkpoint_steps=50)
        halved = mindspore.LearningRateScheduler(lambda rate, step: rate / 2 if step == 30 else rate)
        kept = tmp_path / library.__name__
        callbacks = [mindspore.ModelCheckpoint("net", str(kept), config), halved, mindspore.History()]
        model.train(4, dataset(), callbacks=callbacks, dataset_sink_mode=False)
        assert float(optimizer.learning_rate.asnumpy()) == np.float32(0.005)
        (file,) = kept.glob("*4_25.ckpt")
        saved = mindspore.load_checkpoint(str(file))
        assert {"global_step", "beta1_power"} <= saved.keys()
        found.append(values(net.trainable_params()) | {"mse": np.array(model.eval(dataset())["mse"])})
        found[-1] |= values([saved[name] for name in sorted(saved) if name.startswith("moment")])
    assert_close(found[1], found[0], 1e-5)


def test_loss_scaling() -> None:
    found = []
    for library in (nn, ours):
        net = network()
        optimizer = library.Momentum(net.trainable_params(), 0.02, 0.9, weight_decay=0.01, loss_scale=64.0)
        # The only one that MindSpore takes on the CPU.
        manager = mindspore.amp.FixedLossScaleManager(64.0, drop_overflow_update=False)
        model = mindspore.Model(net, nn.MSELoss(), optimizer, loss_scale_manager=manager)
        model.train(2, dataset(), dataset_sink_mode=False)
        found.append(values(net.trainable_params()))
    assert_close(found[1], found[0], 1e-5)


def in_place(parameter: Any, value: np.ndarray) -> None:
    parameter.asnumpy()[...] = value


def by_assign(parameter: Any, value: np.ndarray) -> None:
    mindspore.ops.assign(parameter, tensor(value))


def by_set_data(parameter: Any, value: np.ndarray) -> None:
    parameter.set_data(tensor(value))


def by_load(parameter: Any, value: np.ndarray) -> None:
    class Holder(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.held = parameter

    mindspore.load_param_into_net(Holder(), {parameter.name: mindspore.Parameter(tensor(value), name=parameter.name)})


def trained_between_writes(library: Any, name: str, write: Any) -> dict[str, np.ndarray]:
    """All parameters of an optimizer after steps between which each of them is halved."""
    net = network()
    optimizer = getattr(library, name)(net.trainable_params(), **CLASSES[name])
    for _ in range(3):
        train(net, optimizer, 4)
        for parameter in optimizer.get_parameters():
            if parameter.dtype == mindspore.float32:
                write(parameter, parameter.asnumpy() * np.float32(0.5))
    train(net, optimizer, 4)
    return values(optimizer.get_parameters())


# MindSpore's own goes on with the old memory after set_data() and load_param_into_net(): there values are set in place.
@pytest.mark.parametrize("name", ["Adam", "Momentum", "Adagrad"])
def test_values_written_between_steps(name: str) -> None:
    expected = trained_between_writes(nn, name, in_place)
    got = trained_between_writes(ours, name, in_place)
    assert_close(got, expected, 1e-5)
    for write in (by_assign, by_set_data, by_load):
        assert_close(trained_between_writes(ours, name, write), got, 0)


def test_a_compiled_network_beside_an_optimizer_that_is_called() -> None:
    found = []
    for compiled in (False, True):
        net = network()
        optimizer = ours.Adam(net.trainable_params(), learning_rate=0.01)
        compute = mindspore.value_and_grad(nn.WithLossCell(net, nn.MSELoss()), None, optimizer.parameters)
        step = mindspore.jit(compute) if compiled else compute
        for batch in batches(30):
            optimizer(step(*batch)[1])
        found.append(values(net.trainable_params()))
    assert_close(found[1], found[0], 1e-5)


def test_a_subclass_with_its_own_construct() -> None:
    found = []
    for library in (nn, ours):

        class Clipped(library.Adam):
            def construct(self, gradients: Any) -> Any:
                return super().construct(mindspore.ops.clip_by_global_norm(gradients, 0.1))

        net = network()
        # MindSpore's own compiles what it derives from; ours is called.
        optimizer = Clipped(net.trainable_params(), learning_rate=0.01)
        train(net, optimizer, 20)
        found.append(values(net.trainable_params()))
    assert_close(found[1], found[0], 1e-5)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_narrow_parameters(kind: str) -> None:
    dtype = getattr(mindspore, kind)
    params = [each.astype(mindspore.float32) for each in parameters({"w": (40, 8)})]
    narrow = mindspore.Parameter(params[0].astype(dtype), name="w")
    grad = tensor(np.float32(np.random.default_rng(0).normal(0, 0.1, (40, 8)))).astype(dtype)
    optimizer = ours.Momentum([narrow], 0.125, 0.5)
    optimizer((grad,))
    wide = narrow.astype(mindspore.float32).asnumpy()
    start, change = (each.astype(dtype).astype(mindspore.float32).asnumpy() for each in (params[0], grad))
    exact = start - np.float32(0.125) * change
    assert (wide == tensor(exact).astype(dtype).astype(mindspore.float32).asnumpy()).all()
    assert optimizer.moments[0].dtype == dtype


def test_float16_beside_mindspore() -> None:
    found = []
    for library in (nn, ours):
        params = parameters({"w": (40, 8)}, np.float16)
        optimizer = library.Adam(params, learning_rate=0.01, eps=1e-3)
        rng = np.random.default_rng(1)
        for _ in range(20):
            optimizer((tensor(rng.normal(0, 0.1, (40, 8)).astype(np.float16)),))
        found.append(values(params))
    assert_close(found[1], found[0], 2e-3)


@pytest.fixture
def graph_mode() -> Iterator[None]:
    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    yield
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)


REFUSED = "Adam of fusedstep cannot be compiled into a graph: "
GRAPH_MODE = f"{REFUSED}call mindspore.set_context(mode=mindspore.PYNATIVE_MODE)"
COMPILED = f"{REFUSED}under mindspore.jit compile only what computes the gradients"


def refused(call: Any, net: Any, sentence: str = GRAPH_MODE) -> None:
    before = values(net.trainable_params())
    with pytest.raises(RuntimeError) as caught:
        call()
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert_close(values(net.trainable_params()), before, 0)


def ones(net: Any) -> tuple[Any, ...]:
    return tuple(mindspore.ops.ones_like(each) for each in net.trainable_params())


@pytest.mark.usefixtures("graph_mode")
def test_graph_mode_is_refused() -> None:
    net = network()
    optimizer = ours.Adam(net.trainable_params())
    refused(lambda: optimizer(ones(net)), net)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer)
    refused(lambda: step(*next(batches())), net)


def test_compiled_functions_are_refused() -> None:
    net = network()
    optimizer = ours.Adam(net.trainable_params())
    grads = ones(net)

    @mindspore.jit
    def step(gradients: Any) -> Any:
        return optimizer(gradients)

    refused(lambda: step(grads), net, COMPILED)
    optimizer(grads)


class Doubled(ours.Adam):
    def construct(self, gradients: Any) -> Any:
        return super().construct(gradients)


@pytest.mark.usefixtures("graph_mode")
def test_a_subclass_is_refused_in_graph_mode() -> None:
    net = network()
    optimizer = Doubled(net.trainable_params())
    sentence = GRAPH_MODE.replace("Adam", "Doubled")
    refused(lambda: optimizer(ones(net)), net, sentence)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer)
    refused(lambda: step(*next(batches())), net, sentence)


TRACED = """
import mindspore, numpy as np
import fusedstep.mindspore.nn as ours
var = mindspore.Parameter(mindspore.Tensor(np.ones(3, np.float32)), name="var")
optimizer = ours.Adam([var])
@mindspore.jit(capture_mode="trace")
def step(gradient):
    return optimizer((gradient,))
try:
    step(mindspore.Tensor(np.ones(3, np.float32)))
except RuntimeError as error:
    print(error, var.asnumpy().tolist(), flush=True)
"""


def test_traced_functions_are_refused(tmp_path: Path) -> None:
    # In a process of its own: after an error in a traced function MindSpore aborts when Python ends.
    program = tmp_path / "traced.py"
    program.write_text(TRACED)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    assert REFUSED in done.stdout
    assert "[1.0, 1.0, 1.0]" in done.stdout


class OfOurs(ours.Optimizer):
    """An optimizer of a user, on the base class that steps the other library's parameters."""


def test_settings_of_one_library_with_parameters_of_the_other() -> None:
    net = network()
    schedule = ours.ExponentialDecayLR(0.1, 0.9, 10)
    with pytest.raises(TypeError, match=r"the ExponentialDecayLR is of fusedstep.mindspore.*use the schedules"):
        ours.Adam(net.trainable_params(), learning_rate=schedule)
    with pytest.raises(TypeError, match=r"the ExponentialDecayLR is of fusedstep.mindspore.*use the schedules"):
        ours.Adam([{"params": net.trainable_params(), "lr": schedule}])
    with pytest.raises(TypeError, match=r"is MindSpore's own.*derive from mindspore.nn.Optimizer"):
        OfOurs(0.1, net.trainable_params())


@pytest.mark.parametrize("kind", ["list", "cell"])
def test_parameters_of_a_group_ask_a_schedule_once(kind: str) -> None:
    net = network()
    asked = []

    class Counted(nn.learning_rate_schedule.LearningRateSchedule):
        def construct(self, step: Any) -> Any:
            asked.append(int(step.asnumpy()[0]))
            return mindspore.Tensor(0.5, mindspore.float32)

    rate = Counted() if kind == "cell" else [0.5] * 4
    optimizer = ours.Adam([{"params": net.trainable_params(), "lr": rate}], learning_rate=[0.25] * 4)
    for _ in range(3):
        optimizer(ones(net))
    assert asked == ([0, 1, 2] if kind == "cell" else [])
    assert [float(each.asnumpy()) for each in optimizer.get_lr()] == [0.5] * len(net.trainable_params())
