"""What classes are: torch's by type, by nothing else, and free for users' subclasses."""

import copy
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import fusedstep as fs
import fusedstep.torch

EXPORTED = {name: getattr(fusedstep.torch, name) for name in fusedstep.torch.__all__}
CLASSES = {
    name: each for name, each in EXPORTED.items() if inspect.isclass(each) and issubclass(each, torch.optim.Optimizer)
}
TORCHS = {name: getattr(torch.optim, name) for name in CLASSES if hasattr(torch.optim, name)}
# What an optimizer has besides torch's methods.
OURS = {"flush", "up_to_date", "share_memory"}
# What Python itself puts into a class.
OF_PYTHON = {"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__"}
OF_PYTHON |= {"__static_attributes__"}


def one(name: str) -> Any:
    """An optimizer with one parameter, which has a gradient."""
    weight = torch.nn.Parameter(torch.ones(3, 2))
    weight.grad = torch.ones(3, 2)
    given: Any = {"rule": fs.rules.gradient_descent} if name == "RuleOptimizer" else {}
    return CLASSES[name]([weight], lr=0.125, **given)


@pytest.mark.parametrize("name", TORCHS)
def test_frameworks_that_ask_for_torchs_class_are_told_yes(name: str) -> None:
    optimizer = one(name)
    assert isinstance(optimizer, TORCHS[name])
    assert isinstance(optimizer, CLASSES[name])
    assert type(pickle.loads(pickle.dumps(optimizer))) is CLASSES[name]  # noqa: S301 - our own


def test_adamw_is_torchs_adam_as_in_torch() -> None:
    assert isinstance(one("AdamW"), torch.optim.Adam) == issubclass(torch.optim.AdamW, torch.optim.Adam)
    assert not isinstance(one("SparseAdam"), torch.optim.Adam)


@pytest.mark.parametrize("name", TORCHS)
def test_nothing_of_torchs_class_runs(name: str) -> None:
    between = [each for each in TORCHS[name].__mro__ if each not in (torch.optim.Optimizer, object)]
    assert between
    for attribute in {attribute for each in between for attribute in vars(each)} - OF_PYTHON:
        first = next(each for each in CLASSES[name].__mro__ if attribute in vars(each))
        assert first.__module__.startswith("fusedstep."), attribute


class Raising(torch.optim.Optimizer):
    """A class of torch's with methods that must not run."""

    def state_dict(self) -> Any:
        raise AssertionError

    load_state_dict = add_param_group = __getstate__ = __setstate__ = state_dict  # type: ignore[assignment]


@pytest.mark.parametrize("name", CLASSES)
def test_methods_that_torchs_class_may_add_do_not_run(name: str) -> None:
    optimizer = one(name)
    optimizer.__class__ = type(name, (CLASSES[name], Raising), {})
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.add_param_group({"params": [torch.ones(2)]})
    copy.deepcopy(optimizer).step()


@pytest.mark.parametrize("name", CLASSES)
def test_public_names_are_torchs(name: str) -> None:
    public = {each for each in dir(one(name)) if not each.startswith("_")}
    assert public - OURS <= set(dir(torch.optim.SGD([torch.ones(1)])))


@pytest.mark.parametrize("name", CLASSES)
def test_private_names_are_not_torchs(name: str) -> None:
    theirs = {each for each in (*dir(torch.optim.SGD([torch.ones(1)])), *vars(torch.optim.Adam)) if each[:2] != "__"}
    ours = {each for base in CLASSES[name].__mro__ if base.__module__.startswith("fusedstep.") for each in vars(base)}
    ours |= set(vars(one(name))) - set(vars(torch.optim.SGD([torch.ones(1)])))
    overridden = {"_init_group", "step", "state_dict", "load_state_dict", "add_param_group"}
    assert {each for each in ours & theirs if not each.startswith("__")} <= overridden | {"state"}


@pytest.mark.parametrize("name", CLASSES)
def test_a_users_subclass_may_use_any_public_name(name: str) -> None:
    names = """update move rule start ready tables number numbers scalars progress advance operator current align order
        counters limits states state_keys initialise initial prepare prepared momentum memory_of track deferred name"""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a user's attribute is used")

    reserved = property(refuse, refuse, refuse)
    subclass = type("Mine", (CLASSES[name],), dict.fromkeys(names.split(), reserved))
    expected, found = one(name), one(name)
    found.__class__ = subclass
    for optimizer in (expected, found):
        optimizer.step()
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.step()
    assert torch.equal(*(each.param_groups[0]["params"][0] for each in (expected, found)))


def found_by_resolvers(cls: Any) -> Iterator[Any]:
    """The subclasses that registries of optimizers collect: those of their base's package, level by level."""
    for subclass in cls.__subclasses__():
        yield from found_by_resolvers(subclass)
        if subclass.__module__.split(".")[0] == cls.__module__.split(".")[0]:
            yield subclass


def test_registries_of_torchs_optimizers_do_not_find_ours() -> None:
    found = list(found_by_resolvers(torch.optim.Optimizer))
    assert torch.optim.Adam in found
    assert not [each for each in found if each.__module__.startswith("fusedstep")]
