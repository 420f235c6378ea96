"""An optimizer keeps alive what its groups and its states hold, and nothing else."""

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest

import fusedstep as fs
from fusedstep.arrays import torch_tensors
from fusedstep.rules import torch_sgd
from fusedstep.torch.weak_parameter_dict import WeakParameterDict
from tests.torch.test_optimizer import ALL, ROWS, build

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def nothing_older_is_collected() -> None:
    """Exclude objects of other tests from the garbage collections, which are many here, and from the lists."""
    gc.collect()
    gc.freeze()


SETTINGS = {row.name: row.settings[2] for row in ROWS if len(row.settings) > 2}
EVERY = [*ALL, "RuleOptimizer"]


def made(name: str, params: Any) -> Any:
    if name == "RuleOptimizer":
        return fs.torch.RuleOptimizer(params, torch_sgd, lr=0.1, momentum=0.5)
    return build(name, params, **SETTINGS.get(name, {}))


def weight(*shape: int) -> Any:
    return torch.nn.Parameter(torch.ones(*(shape or (4, 3))))


def stepped(optimizer: Any, sparse: bool = False) -> Any:
    """The optimizer after two steps, the second of them with others."""
    for _ in range(2):
        for group in optimizer.param_groups:
            for param in group["params"]:
                rows = torch.tensor([[1]])
                param.grad = torch.ones_like(param)
                if sparse:
                    param.grad = torch.sparse_coo_tensor(
                        rows, torch.ones(1, *param.shape[1:]), param.shape, check_invariants=True
                    )
        optimizer.step()
        optimizer.zero_grad()
    return optimizer


def alive() -> tuple[int, int]:
    """The number of tensors, and of their elements."""
    gc.collect()
    # By type: a dead proxy of another library raises.
    found = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
    return len(found), sum(each.numel() for each in found)


def watched(optimizer: Any) -> list[ref[Any]]:
    """Weak references to all parameters and states."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    states = [value for param in params for value in optimizer.state.get(param, {}).values()]
    return [ref(each) for each in (*params, *states) if isinstance(each, torch.Tensor)]


def dead(references: list[ref[Any]]) -> bool:
    gc.collect()
    return all(reference() is None for reference in references)


def cleared(optimizer: Any) -> list[ref[Any]]:
    gone = [each for each in watched(optimizer) if not isinstance(each(), torch.nn.Parameter)]
    optimizer.state.clear()
    return gone


def deleted(optimizer: Any) -> list[ref[Any]]:
    gone = [each for each in watched(optimizer) if not isinstance(each(), torch.nn.Parameter)]
    for group in optimizer.param_groups:
        for param in group["params"]:
            optimizer.state.pop(param, None)
    return gone


def popped(optimizer: Any) -> list[ref[Any]]:
    gone = watched(optimizer)
    optimizer.param_groups.clear()
    optimizer.state.clear()
    return gone


def put_in_place(optimizer: Any) -> list[ref[Any]]:
    gone = watched(optimizer)
    for group in optimizer.param_groups:
        for place, param in enumerate(group["params"]):
            optimizer.state.pop(param, None)
            group["params"][place] = weight(*param.shape)
    return gone


def grown_with_states(optimizer: Any) -> list[ref[Any]]:
    # As in Gaussian splatting: longer tables, whose states start with the old ones.
    gone = [each for each in watched(optimizer) if each().dim() > 0]
    for group in optimizer.param_groups:
        for place, param in enumerate(group["params"]):
            state = optimizer.state.pop(param, {})
            longer = weight(len(param) + 1, *param.shape[1:])
            group["params"][place] = longer
            optimizer.state[longer] = {
                key: torch.cat([value, value[:1]]) if isinstance(value, torch.Tensor) and value.dim() else value
                for key, value in state.items()
            }
    return gone


def loaded(optimizer: Any) -> list[ref[Any]]:
    gone = [each for each in watched(optimizer) if not isinstance(each(), torch.nn.Parameter)]
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return gone


def other_memory(optimizer: Any) -> list[ref[Any]]:
    # The tensors stay, their memory does not.
    before = [ref(param.untyped_storage()) for group in optimizer.param_groups for param in group["params"]]
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.data = param.detach().clone()
    return before


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("change", [cleared, deleted, popped, put_in_place, grown_with_states, loaded, other_memory])
@pytest.mark.parametrize("name", EVERY)
def test_what_was_taken_out_is_free(name: str, change: Callable[[Any], list[ref[Any]]], sparse: bool) -> None:
    optimizer = stepped(made(name, [{"params": [weight()]}, {"params": [weight()]}]), sparse)
    assert dead(change(optimizer))
    # The optimizer continues without them.
    if optimizer.param_groups:
        stepped(optimizer, sparse)


@pytest.mark.parametrize("name", EVERY)
def test_a_hundred_replacements_grow_by_nothing(name: str) -> None:
    optimizer = stepped(made(name, [weight(), weight()]))
    optimizer.add_param_group({"params": [weight()]})
    before = None
    for number in range(100):
        grown = weight(4 + number % 2, 3)
        group = optimizer.param_groups[number % 2]
        optimizer.state.pop(group["params"][0], None)
        group["params"][0] = grown
        stepped(optimizer)
        if number in (20, 99):
            count = alive()
            before = before or count
            assert count[0] <= before[0]
            assert count[1] <= before[1] + 24


@pytest.mark.parametrize("name", EVERY)
def test_an_optimizer_that_has_gone_leaves_nothing(name: str) -> None:
    optimizer = stepped(made(name, [weight()]))
    copies = copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))  # noqa: S301
    gone = [ref(optimizer), *watched(optimizer)]
    for each in copies:
        stepped(each)
        gone += [ref(each), *watched(each)]
    del optimizer, copies, each
    assert dead(gone)


def test_a_step_runs_on_no_other_memory() -> None:
    optimizer = made("Adam", [weight()])
    for _ in range(200):
        stepped(optimizer)
        old = optimizer.param_groups[0]["params"]
        optimizer.state.clear()
        # Just freed: the next object of its size usually gets the same address and id.
        old.clear()
        optimizer.param_groups[0]["params"] = [weight()]
        reference = torch.optim.Adam([weight()], **SETTINGS["Adam"])
        stepped(reference)
        stepped(optimizer)
        theirs, ours = reference.param_groups[0]["params"][0], optimizer.param_groups[0]["params"][0]
        torch.testing.assert_close(ours, theirs)


def test_a_mapping_by_parameter_forgets_them() -> None:
    known: WeakParameterDict[int] = WeakParameterDict()
    params = [weight() for _ in range(3)]
    for number, param in enumerate(params):
        known[param] = number
    known[params[1]] = 7
    assert dict(zip(params, (0, 7, 2), strict=True)) == {param: known[param] for param in known}
    assert known.get(weight()) is None
    assert known.pop(params[0]) == 0
    with pytest.raises(KeyError):
        known[params[0]]
    with pytest.raises(KeyError):
        del known[params[0]]
    # An id that belongs to another object now.
    known._entries[id(params[0])] = known._entries[id(params[1])]
    assert known.get(params[0]) is None
    assert params[0] not in known
    del known._entries[id(params[0])], param
    params.clear()
    assert len(known) == 0
    assert list(known) == []


def test_storages_can_be_resized_after_a_step() -> None:
    for sparse in (False, True):
        for size in ((3, 2), (1000, 500)):
            param = torch.nn.Parameter(torch.ones(size))
            optimizer = fs.torch.Adam([param], lr=0.1)
            for _ in range(2):
                param.grad = torch.ones(size).to_sparse(1) if sparse else torch.ones(size)
                optimizer.step()
            for each in (param, param.grad, *optimizer.state[param].values()):
                storages = [each._values(), each._indices()] if each.is_sparse else [each]
                for tensor in storages:
                    tensor.untyped_storage().resize_(0)
                    assert tensor.untyped_storage().nbytes() == 0


def test_operators_leave_storages_resizable() -> None:
    tensors = [torch.ones(4, 2) for _ in range(3)]
    grad, indices = torch.ones(2, 2), torch.tensor([1, 1])
    scalars = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)
    fs.ops.FusedSparseAdam()(*tensors, *scalars, grad, indices)
    halves = [torch.ones(4, 2, dtype=torch.bfloat16) for _ in range(2)]
    fs.Operator(fs.rules.momentum)(*halves, torch.ones(4, 2, dtype=torch.bfloat16), lr=0.1, momentum=0.9)
    table = fs.DeferredRows(fs.rules.momentum, *(deferred := [torch.ones(4, 2), torch.ones(4, 2)]))
    table.step(grad, indices, lr=0.1, momentum=0.9)
    table.flush()
    for each in (*tensors, *halves, *deferred, grad, indices):
        each.untyped_storage().resize_(0)


def test_gradients_that_are_zeroed_can_become_sparse() -> None:
    embedding = torch.nn.Embedding(10, 3, sparse=True)
    optimizer = fs.torch.Adam(embedding.parameters(), lr=0.1)
    for _ in range(3):
        embedding(torch.tensor([1, 1, 4])).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    dense = torch.nn.Embedding(10, 3)
    optimizer = fs.torch.Adam(dense.parameters(), lr=0.1)
    for sparse in (False, True, False):
        dense.sparse = sparse
        optimizer.zero_grad(set_to_none=False)
        dense(torch.tensor([1, 1, 4])).sum().backward()
        optimizer.step()


def askew(*numbers: float) -> Any:
    """A tensor at an address that is not a multiple of its element size."""
    memory = torch.frombuffer(bytearray(64), dtype=torch.float32, count=len(numbers), offset=1)
    return memory.copy_(torch.tensor(numbers))


def test_states_that_lie_askew_are_refused() -> None:
    var = askew(1.0, 2.0)
    with pytest.raises(ValueError, match="not a multiple of its element size"):
        fs.Operator(fs.rules.gradient_descent)(var, torch.ones(2), lr=1.0)
    assert var.tolist() == [1.0, 2.0]


def test_gradients_that_lie_askew_are_copied() -> None:
    param = torch.nn.Parameter(torch.ones(2))
    optimizer = fs.torch.SGD([param], lr=1.0)
    for gradient in (askew(1.0, 2.0), torch.ones(2), askew(1.0, 2.0)):
        param.grad = gradient
        optimizer.step()
    assert param.tolist() == [-2.0, -4.0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("which", [0, 1])
def test_storages_that_were_shrunk_are_refused(which: int, dtype: str) -> None:
    tensors = [torch.ones(1000, dtype=getattr(torch, dtype)) for _ in range(2)]
    tensors[which].untyped_storage().resize_(1998)
    with pytest.raises(TypeError, match="lie outside of its storage"):
        fs.Operator(fs.rules.gradient_descent)(*tensors, lr=1.0)


def test_memory_is_kept_that_another_thread_replaces_while_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of plain tensors: tests/runtime/test_plain_step.py.
    tensor, others = torch.ones(4, dtype=torch.bfloat16), [torch.ones(4, dtype=torch.bfloat16)]

    def replaced(tensor: Any, ask: Any = torch_tensors.address_of) -> int:
        # Between reading the storage and reading the address.
        if others:
            tensor.data = others.pop()
        address: int = ask(tensor)
        return address

    monkeypatch.setattr(torch_tensors, "address_of", replaced)
    with pytest.raises(TypeError, match="lie outside of its storage"):
        torch_tensors.borrow(tensor)
    # Nobody is in the way any more.
    view = torch_tensors.borrow(tensor)
    tensor.data = torch.zeros(4, dtype=torch.bfloat16)
    assert len(set(view.tolist())) == 1
    assert view.any()


def test_a_gradient_whose_storage_is_gone_is_refused() -> None:
    optimizer = stepped(made("SGD", [weight()]))
    param = optimizer.param_groups[0]["params"][0]
    param.grad = torch.ones(4, 3)
    param.grad.untyped_storage().resize_(0)
    with pytest.raises(TypeError, match="it has no memory"):
        optimizer.step()
