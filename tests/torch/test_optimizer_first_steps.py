"""First steps are the same where torch.compile creates the states before them, during tracing."""

import copy
import pickle
from typing import Any

import pytest

from tests.torch.test_optimizer import ALL, ROWS, build

torch = pytest.importorskip("torch")

pytestmark = [
    # Warnings of torch's compiler.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

TORCHS: dict[str, tuple[dict[str, Any], ...]] = {row.name: (*row.settings, *row.sparse) for row in ROWS}
OURS: dict[str, tuple[dict[str, Any], ...]] = {
    "ProximalAdagrad": ({}, {"l1": 0.1, "l2": 0.1, "shrink_by_rate": True}),
    "ProximalSGD": ({}, {"l1": 0.1, "l2": 0.1}),
    "FTRL": ({}, {"l1": 0.1, "l2": 0.1, "beta": 1.0, "lr_power": -0.4}),
    "Lion": ({}, {"weight_decay": 0.1}),
}
FIRST_MATTERS = {"lr": 1.0, "momentum": 0.9, "dampening": 0.5}


class Pair:
    """The same parameters twice, with compiled and with plain steps."""

    def __init__(self, name: str, *settings: dict[str, Any]) -> None:
        self.generator = torch.Generator().manual_seed(7)
        values = [torch.randn(shape, generator=self.generator) for _ in settings for shape in [(4, 3), (5,)]]
        self.eager, self.compiled = ([torch.nn.Parameter(each.clone()) for each in values] for _ in range(2))
        self.one, self.two = (
            build(name, [each | {"params": params[2 * n : 2 * n + 2]} for n, each in enumerate(settings)])
            for params in (self.eager, self.compiled)
        )
        torch._dynamo.reset()
        self.compiled_step = torch.compile(lambda: self.two.step(), fullgraph=True, backend="aot_eager")

    def gradients(self, all_of_them: bool = True) -> None:
        """Draw gradients for all parameters, or for every second one."""
        for number, (one, two) in enumerate(zip(self.eager, self.compiled, strict=True)):
            one.grad = torch.randn(one.shape, generator=self.generator) if all_of_them or number % 2 == 0 else None
            two.grad = copy.deepcopy(one.grad)

    def step(self, all_of_them: bool = True) -> None:
        self.gradients(all_of_them)
        self.one.step()
        self.compiled_step()

    def compare(self) -> None:
        for one, two in zip(self.eager, self.compiled, strict=True):
            assert torch.equal(one, two)
            states, others = self.one.state.get(one, {}), self.two.state.get(two, {})
            assert states.keys() == others.keys()
            for key, value in states.items():
                assert torch.equal(torch.as_tensor(value), torch.as_tensor(others[key])), key


# Classes with states that do not start at 0, that a first step creates, and that only some settings use; test_settings
# compiles all classes.
SOME = ("SGD", "Adam", "SparseAdam", "Adagrad", "RMSprop", "NAdam", "FTRL", "RowwiseAdagrad")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in SOME else pytest.mark.long) for name in ALL])
def test_compiled_steps_are_eager_ones_from_each_parameters_first_on(name: str) -> None:
    pair = Pair(name, *(TORCHS.get(name) or OURS.get(name) or ({},)))
    for all_of_them in (False, False, True, True):
        pair.step(all_of_them)
        pair.compare()


def test_the_first_gradient_is_not_dampened() -> None:
    param = torch.nn.Parameter(torch.ones(()))
    optimizer = build("SGD", [param], **FIRST_MATTERS)
    param.grad = torch.ones(())
    torch._dynamo.reset()
    torch.compile(optimizer.step, fullgraph=True, backend="aot_eager")()
    assert param.item() == 0.0


def copied(pair: Pair) -> None:
    pair.two = copy.deepcopy(pair.two)


def pickled(pair: Pair) -> None:
    pair.two = pickle.loads(pickle.dumps(pair.two))  # noqa: S301


def loaded(pair: Pair) -> None:
    pair.two.load_state_dict(copy.deepcopy(pair.two.state_dict()))


def eager(pair: Pair) -> None:
    pass


@pytest.mark.parametrize("then", [copied, pickled, loaded, eager])
@pytest.mark.parametrize("name", ["SGD", "Adam", "SparseAdam", "NAdam", "FTRL"])
def test_states_made_for_a_step_that_did_not_come_are_not_there(name: str, then: Any) -> None:
    pair = Pair(name, FIRST_MATTERS if name == "SGD" else {})
    pair.gradients()
    # Trace as torch's compiler does; then the compiler fails, or the graph never runs.
    pair.two._init_group(pair.two.param_groups[0], [], [], [], [], [])
    then(pair)
    params = pair.two.param_groups[0]["params"]
    if then is not eager:
        assert not pair.two.state
        assert pair.two.state_dict()["state"] in ({}, pair.one.state_dict()["state"])
    for one, two in zip(pair.eager, params, strict=True):
        two.grad = copy.deepcopy(one.grad)
    pair.one.step()
    pair.two.step()
    pair.compiled = params
    pair.compare()
