"""States that are replaced, shared or taken away, in inference mode and out of it, and what groups keep of them."""

import copy
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_checkpoints import KEPT, THEIRS, descent, gradient, pickled, sparse, stepped, weight
from tests.torch.test_optimizer import ALL, build, saved

torch = pytest.importorskip("torch")


# What torch's compiler warns of depends on what the process has compiled before.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", ["SGD", "ProximalSGD"])
def test_what_keeps_no_states_has_no_entries(name: str) -> None:
    param = weight()
    optimizer = build(name, [param])
    for _ in range(3):
        param.grad = gradient(name)
        optimizer.step()
        assert optimizer.state_dict()["state"] == {}
        assert not optimizer.state
    param.grad = sparse(2, 0)
    optimizer.step()
    param.grad = torch.sparse_coo_tensor([[2], [9]], [1.0], param.shape, check_invariants=False)
    with pytest.raises(IndexError, match="index 9 in dimension 1"):
        optimizer.step()
    assert not optimizer.state
    param.grad = gradient(name)
    torch.compile(optimizer.step, backend="eager")()
    assert not optimizer.state
    # An entry of an earlier version.
    optimizer.load_state_dict({**optimizer.state_dict(), "state": {0: {}}})
    optimizer.step()


@pytest.mark.parametrize("name", ALL)
def test_parameters_that_were_replaced(name: str) -> None:
    first, second = weight(), weight()
    optimizer = build(name, [first])
    optimizer.param_groups[0]["params"][0] = second
    stepped(name, optimizer, 2)
    optimizer.param_groups[0]["params"][0] = third = weight()
    stepped(name, optimizer, 1)
    checkpoint = optimizer.state_dict()
    assert checkpoint["state"].keys() <= {0}
    other = build(name, [weight()])
    other.load_state_dict(checkpoint)
    stepped(name, other)
    # A parameter that left may come back.
    assert not any(KEPT[name]) or name == "SGD" or second in optimizer.state
    optimizer.param_groups[0]["params"] = [second, third]
    assert optimizer.state_dict()["state"].keys() <= {0, 1}


@pytest.mark.parametrize("name", ["Adagrad", "RowwiseAdagrad", "ProximalAdagrad"])
@pytest.mark.parametrize("change", ["nothing", "replaced", "cleared", "added", "stepped"])
def test_all_states_are_shared(name: str, change: str) -> None:
    optimizer = build(name, [weight()])
    if change == "replaced":
        optimizer.param_groups[0]["params"][0] = weight()
    elif change == "cleared":
        optimizer.state.clear()
    elif change == "added":
        optimizer.add_param_group({"params": [weight()]})
    elif change == "stepped":
        stepped(name, optimizer, 3)
    optimizer.share_memory()
    for group in optimizer.param_groups:
        for param in group["params"]:
            assert optimizer.state[param].keys() == {"step", "sum"}
            assert all(value.is_shared() for value in optimizer.state[param].values())
    first = optimizer.param_groups[0]["params"][0]
    held = dict(optimizer.state[first])
    if change != "added":
        stepped(name, optimizer, 2)
        for key, value in optimizer.state[first].items():
            assert value is held[key]
            assert value.is_shared()


@pytest.mark.parametrize("name", [*ALL, "RuleOptimizer"])
@pytest.mark.parametrize("how", ["made", "stepped", "loaded"])
def test_inference_mode_and_then_outside(name: str, how: str) -> None:
    def make(param: Any) -> Any:
        return fs.torch.RuleOptimizer([param], descent, lr=0.1) if name == "RuleOptimizer" else build(name, [param])

    plain, param = make(weight()), weight()
    stepped(name, plain, 4)
    with torch.inference_mode():
        optimizer = make(param)
    if how != "made":
        with torch.inference_mode():
            stepped(name, optimizer, 2)
            stepped(name, optimizer, 1)
    if how == "loaded":
        with torch.inference_mode():
            checkpoint = saved(optimizer)
            optimizer = make(param)
            optimizer.load_state_dict(checkpoint)
    stepped(name, optimizer, 4 if how == "made" else 1)
    assert torch.equal(param, plain.param_groups[0]["params"][0])


@pytest.mark.parametrize("name", [*ALL, "RuleOptimizer"])
@pytest.mark.parametrize("left", ["nothing", "step", "others"])
def test_states_that_were_taken_away_are_made_anew(name: str, left: str) -> None:
    own = name == "RuleOptimizer"
    optimizer = fs.torch.RuleOptimizer([weight()], descent, lr=0.1) if own else build(name, [weight()])
    param = stepped(name, optimizer, 3)
    if left == "nothing":
        optimizer.state.clear()
    else:
        for key in list(optimizer.state[param]):
            if (key == "step") != (left == "step"):
                del optimizer.state[param][key]
    stepped(name, optimizer, 3)
    if not own:
        assert set(KEPT[name][0]) == optimizer.state.get(param, {}).keys()


@pytest.mark.parametrize("name", THEIRS)
def test_groups_have_torchs_settings_and_no_others(name: str) -> None:
    ours, theirs = build(name, [weight()]), getattr(torch.optim, name)([weight()])
    for each in (ours, copy.deepcopy(ours), pickled(ours)):
        assert each.param_groups[0].keys() == theirs.param_groups[0].keys() == each.defaults.keys() | {"params"}
    ours.load_state_dict(theirs.state_dict())
    ours.add_param_group({"params": [weight()], "rows": "touched"})
    for group in (*ours.param_groups, *ours.state_dict()["param_groups"]):
        assert group.keys() == theirs.param_groups[0].keys()
    # Flatten by hand, and back.
    ours.param_groups[0]["rows"] = "every"
    assert ours.state_dict()["param_groups"][0]["rows"] == "every"
    ours.param_groups[0]["rows"] = "touched"
    assert "rows" not in ours.state_dict()["param_groups"][0]


@pytest.mark.parametrize("name", ALL)
def test_the_rows_of_groups_are_kept(name: str) -> None:
    for default, other in (("touched", "every"), ("every", "touched")):
        params = [weight() for _ in range(3)]
        groups = [{"params": [params[0]]}, {"params": [params[1]], "rows": other}]
        optimizer = build(name, groups, rows=default)
        optimizer.add_param_group({"params": [params[2]]})
        wanted = [default, other, default]
        again = build(name, [{"params": [weight()], "rows": rows} for rows in wanted])
        fresh = build(name, [{"params": [weight()]} for _ in wanted])
        again.load_state_dict(saved(optimizer))
        fresh.load_state_dict(saved(optimizer))
        earlier = saved(optimizer)
        for group, rows in zip(earlier["param_groups"], wanted, strict=True):
            group["rows"] = rows
        old = build(name, [{"params": [weight()]} for _ in wanted], rows=other)
        old.load_state_dict(earlier)
        for each in (optimizer, copy.deepcopy(optimizer), pickled(optimizer), again, fresh, old):
            assert [group.get("rows", "touched") for group in each.param_groups] == wanted
            # FTRL does not move weights for a gradient of zero.
            assert name == "FTRL" or all_rows_move(name, each) == [rows == "every" for rows in wanted]
        # A checkpoint of torch's class has no rows: the setting stays.
        for group in earlier["param_groups"]:
            del group["rows"]
        optimizer.load_state_dict(earlier)
        assert [group.get("rows", "touched") for group in optimizer.param_groups] == wanted


def all_rows_move(name: str, optimizer: Any) -> list[bool]:
    """Whether a sparse gradient changes values or states of rows that it does not name."""
    seen = []
    for group in optimizer.param_groups:
        (param,) = group["params"]
        for setting in group.keys() & {"weight_decay", "l2", "momentum"}:
            group[setting] = 0.5
        param.grad = sparse(0, 1, 2)
    optimizer.step()
    for group in optimizer.param_groups:
        (param,) = group["params"]
        states = [param, *(value for value in optimizer.state.get(param, {}).values() if torch.is_tensor(value))]
        before = [each.detach().clone() for each in states]
        param.grad = sparse(0)
        seen.append((states, before))
    optimizer.step()
    return [
        any(not torch.equal(now[1:], then[1:]) for now, then in zip(*pair, strict=True) if then.dim()) for pair in seen
    ]
