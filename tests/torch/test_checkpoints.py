"""Loading checkpoints of other optimizers: which are accepted, in which forms; a refused one changes nothing."""

import copy
import pickle
import re
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_optimizer import ALL, build, saved

torch = pytest.importorskip("torch")


def descent(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad


# The states of each class: those that it always has, and those that depend on a setting.
KEPT = {
    "SGD": ((), ("momentum_buffer",)),
    "ProximalSGD": ((), ()),
    "Adam": (("step", "exp_avg", "exp_avg_sq"), ("max_exp_avg_sq",)),
    "AdamW": (("step", "exp_avg", "exp_avg_sq"), ("max_exp_avg_sq",)),
    "SparseAdam": (("step", "exp_avg", "exp_avg_sq"), ()),
    "RAdam": (("step", "exp_avg", "exp_avg_sq"), ()),
    "NAdam": (("step", "mu_product", "exp_avg", "exp_avg_sq"), ()),
    "Adamax": (("step", "exp_avg", "exp_inf"), ()),
    "Adadelta": (("step", "square_avg", "acc_delta"), ()),
    "RMSprop": (("step", "square_avg"), ("grad_avg", "momentum_buffer")),
    "Adagrad": (("step", "sum"), ()),
    "ProximalAdagrad": (("step", "sum"), ()),
    "RowwiseAdagrad": (("step", "sum"), ()),
    "FTRL": (("step", "accum", "linear"), ()),
    "AddSign": (("step", "exp_avg"), ()),
    "PowerSign": (("step", "exp_avg"), ()),
    "Lion": (("step", "exp_avg"), ()),
}
SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "SGD": ({}, {"momentum": 0.9}),
    "Adam": ({}, {"amsgrad": True}, {"amsgrad": True, "capturable": True}, {"foreach": True}, {"fused": True}),
    "AdamW": ({}, {"amsgrad": True}),
    "RMSprop": ({}, {"centered": True}, {"momentum": 0.5}, {"centered": True, "momentum": 0.5}),
}
OTHERS = ("ASGD", "Rprop", "Adafactor", "LBFGS")
THEIRS = tuple(name for name in ALL if hasattr(torch.optim, name))
GIVERS = [
    *(
        ("ours", name, settings)
        for name in ALL
        for settings in SETTINGS.get(name, ({},))
        if "capturable" not in settings
    ),
    *(("torch", name, settings) for name in (*THEIRS, *OTHERS) for settings in SETTINGS.get(name, ({},))),
]
SHAPE = (3, 2)


def weight(*shape: int) -> Any:
    return torch.nn.Parameter(torch.linspace(-1, 1, 6).reshape(shape or SHAPE))


def gradient(name: str, shape: tuple[int, ...] = SHAPE) -> Any:
    values = torch.linspace(1, -0.5, 6).reshape(shape)
    return values.to_sparse(1) if name == "SparseAdam" else values


def given(library: str, name: str, settings: dict[str, Any], steps: int = 2) -> dict[str, Any]:
    """The checkpoint of an optimizer that has trained."""
    param = weight()
    theirs = library == "torch"
    optimizer = getattr(torch.optim, name)([param], **settings) if theirs else build(name, [param], **settings)
    if "capturable" in settings:
        # torch's class does not support this setting on the CPU.
        settings = {key: value for key, value in settings.items() if key != "capturable"}
        optimizer = getattr(torch.optim, name)([param], **settings)
        optimizer.param_groups[0]["capturable"] = False
    for _ in range(steps):
        param.grad = gradient(name)
        optimizer.step(lambda: param.detach().sum()) if name == "LBFGS" else optimizer.step()
    found = saved(optimizer)
    if "capturable" in settings:
        found["param_groups"][0]["capturable"] = True
    return found


def pickled(optimizer: Any) -> Any:
    return pickle.loads(pickle.dumps(optimizer))  # noqa: S301 - our own


def stepped(name: str, optimizer: Any, count: int = 1) -> Any:
    (param,) = optimizer.param_groups[0]["params"]
    for _ in range(count):
        param.grad = gradient(name, param.shape)
        optimizer.step()
    return param


@pytest.mark.parametrize("taker", ALL)
def test_another_optimizers_checkpoint_is_refused(taker: str) -> None:
    needed, optional = KEPT[taker]
    refused = 0
    for library, name, settings in GIVERS:
        checkpoint = given(library, name, settings)
        held = checkpoint["state"].get(0, {})
        missing = [key for key in needed if key not in held] if held else []
        unknown = [key for key in held if key not in (*needed, *optional)]
        rowwise = bool(held) and {taker, name} > {"RowwiseAdagrad"} and not missing and not unknown
        optimizer = build(taker, [weight()])
        stepped(taker, optimizer)
        before, groups = copy.deepcopy(optimizer.state_dict()), optimizer.param_groups
        param = groups[0]["params"][0]
        value = param.detach().clone()
        if not (missing or unknown or rowwise):
            optimizer.load_state_dict(checkpoint)
            stepped(taker, optimizer, 2)
            continue
        refused += 1
        with pytest.raises(ValueError, match=f"^{taker}: the states of parameter 0 .* another optimizer:") as caught:
            optimizer.load_state_dict(checkpoint)
        told = str(caught.value)
        assert not missing or f"missing: {', '.join(missing)};" in told
        assert not unknown or f"unknown: {', '.join(unknown)};" in told
        assert not rowwise or "of another shape: sum with shape" in told
        assert optimizer.param_groups is groups
        assert torch.equal(param, value)
        assert_same(optimizer.state_dict(), before)
        stepped(taker, optimizer, 2)
    assert refused > 20


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["param_groups"] == other["param_groups"]
    assert one["state"].keys() == other["state"].keys()
    for number, states in other["state"].items():
        assert one["state"][number].keys() == states.keys()
        for key, value in states.items():
            assert type(one["state"][number][key]) is type(value)
            assert torch.equal(torch.as_tensor(one["state"][number][key]), torch.as_tensor(value)), key


@pytest.mark.parametrize("name", [name for name in ALL if any(KEPT[name])])
def test_half_of_the_states_are_refused(name: str) -> None:
    for key in KEPT[name][0]:
        for absent in ("left out", None, {}):
            checkpoint = given("ours", name, {})
            del checkpoint["state"][0][key]
            if absent != "left out":
                # torch's form of an absent state in a flattened checkpoint.
                checkpoint["state"][0][key] = absent
            optimizer = build(name, [weight()])
            with pytest.raises(ValueError, match=f"missing: {key};"):
                optimizer.load_state_dict(checkpoint)
            assert not any(key in KEPT[name][1] for key in optimizer.state)


def test_a_rule_of_ones_own_knows_its_states() -> None:
    optimizer = fs.torch.RuleOptimizer([weight()], fs.rules.lion, lr=0.1, beta1=0.9, beta2=0.99)
    with pytest.raises(ValueError, match=re.escape("missing: m; unknown: exp_avg, exp_avg_sq; expected step, m.")):
        optimizer.load_state_dict(given("torch", "Adam", {}))
    other = fs.torch.RuleOptimizer([weight()], fs.rules.lion, lr=0.1, beta1=0.9, beta2=0.99)
    stepped("", optimizer, 2)
    other.load_state_dict(saved(optimizer))
    with torch.no_grad():
        other.param_groups[0]["params"][0].copy_(optimizer.param_groups[0]["params"][0])
    assert torch.equal(stepped("", optimizer), stepped("", other))


def test_only_the_second_parameter_is_another_optimizers() -> None:
    optimizer = build("FTRL", [weight(), weight()])
    checkpoint = given("ours", "FTRL", {})
    checkpoint["state"][1] = given("torch", "Adam", {})["state"][0]
    checkpoint["param_groups"][0]["params"] = [0, 1]
    with pytest.raises(ValueError, match="FTRL: the states of parameter 1"):
        optimizer.load_state_dict(checkpoint)
    assert not optimizer.state


@pytest.mark.parametrize(
    ("name", "off", "on", "key"),
    [
        ("Adam", {}, {"amsgrad": True}, "max_exp_avg_sq"),
        ("AdamW", {}, {"amsgrad": True}, "max_exp_avg_sq"),
        ("RMSprop", {}, {"centered": True}, "grad_avg"),
        ("RMSprop", {}, {"momentum": 0.5}, "momentum_buffer"),
        ("SGD", {}, {"momentum": 0.5}, "momentum_buffer"),
    ],
)
@pytest.mark.parametrize("absent", ["left out", None, {}], ids=str)
def test_a_state_that_a_setting_asks_for_later_begins_anew(
    name: str, off: dict[str, Any], on: dict[str, Any], key: str, absent: Any
) -> None:
    checkpoint = given("torch", name, off)
    checkpoint["param_groups"][0] |= on
    if absent != "left out":
        checkpoint["state"].setdefault(0, {})[key] = absent
    optimizer, theirs = build(name, [weight()]), getattr(torch.optim, name)([weight()])
    optimizer.load_state_dict(copy.deepcopy(checkpoint))
    checkpoint["state"].setdefault(0, {})[key] = None if name == "SGD" else torch.zeros(SHAPE)
    theirs.load_state_dict(checkpoint)
    torch.testing.assert_close(stepped(name, optimizer, 2), stepped(name, theirs, 2))
    assert torch.is_tensor(optimizer.state_dict()["state"][0][key])


@pytest.mark.parametrize("name", THEIRS)
def test_numbers_of_older_checkpoints_become_tensors_as_torchs_do(name: str) -> None:
    checkpoint = given("torch", name, {})
    for states in checkpoint["state"].values():
        for key in states.keys() & {"step", "mu_product"}:
            states[key] = float(states[key])
    optimizer, theirs = build(name, [weight()]), getattr(torch.optim, name)([weight()])
    for each in (optimizer, theirs):
        each.load_state_dict(copy.deepcopy(checkpoint))
    for restored in (optimizer, pickled(optimizer)):
        for number, states in theirs.state_dict()["state"].items():
            for key, value in states.items():
                found = restored.state_dict()["state"][number][key]
                assert type(found) is type(value)
                assert not torch.is_tensor(value) or (found.dtype, found.device) == (value.dtype, value.device)
    torch.testing.assert_close(stepped(name, optimizer), stepped(name, theirs))


def sparse(*rows: int) -> Any:
    values = torch.linspace(1, -0.5, 2 * len(rows)).reshape(-1, 2)
    return torch.sparse_coo_tensor(torch.tensor([rows]), values, SHAPE, check_invariants=True)


@pytest.mark.parametrize("way", ["loaded", "converted"])
@pytest.mark.parametrize("name", ALL)
def test_states_of_a_type_that_does_not_go_with_the_weights_are_converted(name: str, way: str) -> None:
    settings = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    gradient = torch.linspace(0.5, -1, 12, dtype=torch.float64).view(4, 3)
    narrow = (torch.float32, torch.bfloat16)
    for before, after in [*((torch.float64, to) for to in narrow), *((of, torch.float64) for of in narrow)]:
        param = torch.nn.Parameter(torch.linspace(-1, 1, 12, dtype=before).view(4, 3))
        optimizer = build(name, [param], **settings)
        param.grad = gradient.to(before)
        optimizer.step()
        exact = torch.nn.Parameter(param.detach().to(after).double())
        reference = build(name, [exact], **settings)
        checkpoint = saved(optimizer)
        reference.load_state_dict(copy.deepcopy(checkpoint))
        for key, value in reference.state[exact].items():
            reference.state[exact][key] = value.double() if isinstance(value, torch.Tensor) else value
        param.grad = None
        if way == "loaded":
            param = torch.nn.Parameter(param.detach().to(after))
            optimizer = build(name, [param], **settings)
            optimizer.load_state_dict(checkpoint)
        else:
            param.data = param.data.to(after)
        for stepped, its in ((param, optimizer), (exact, reference)):
            for _ in range(2):
                stepped.grad = gradient.to(stepped.dtype)
                its.step()
        bound = 2e-2 if after is torch.bfloat16 else 2e-6
        torch.testing.assert_close(param.detach().double(), exact.detach(), rtol=0, atol=bound)


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("defer", [True, False])
def test_sparse_momentum_is_understood(loaded: bool, defer: bool) -> None:
    theirs = torch.optim.SGD([weight()], lr=0.5, momentum=0.5, dampening=0.25)
    (param,) = theirs.param_groups[0]["params"]
    for _ in range(2):
        param.grad = sparse(2, 0, 2)
        theirs.step()
    assert theirs.state[param]["momentum_buffer"].layout is torch.sparse_coo
    table = torch.nn.Embedding(*SHAPE, sparse=True, _weight=param.detach().clone())
    optimizer = fs.torch.SGD(table.parameters(), lr=0.5, momentum=0.5, dampening=0.25, rows="every")
    if defer:
        optimizer = fs.torch.SGD(table.parameters(), lr=0.5, momentum=0.5, dampening=0.25, defer=[table])
    if loaded:
        optimizer.load_state_dict(saved(theirs))
    else:
        optimizer.state[table.weight]["momentum_buffer"] = copy.deepcopy(theirs.state[param]["momentum_buffer"])
    for rows in ((1, 2), (0, 0, 1)):
        for each in (param, table.weight):
            table(torch.tensor(rows))
            each.grad = sparse(*rows)
        theirs.step()
        optimizer.step()
    optimizer.flush()
    torch.testing.assert_close(table.weight, param)
    buffer = optimizer.state[table.weight]["momentum_buffer"]
    torch.testing.assert_close(buffer, theirs.state[param]["momentum_buffer"].to_dense())
    theirs.load_state_dict(saved(optimizer))
    theirs.step()
