"""Every optimizer documents its arguments: its own in its docstring, shared ones from one table."""

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

import fusedstep as fs

torch = pytest.importorskip("torch")

from fusedstep.torch.arguments import ARGUMENTS, ENTRY, documented, names  # noqa: E402

EXPORTED = {name: getattr(fs.torch, name) for name in fs.torch.__all__}
CLASSES = [name for name, each in EXPORTED.items() if inspect.isclass(each) and issubclass(each, torch.optim.Optimizer)]


def entries(optimizer: Any) -> list[tuple[str, str]]:
    """The arguments in a docstring, and what is said of each."""
    section = optimizer.__doc__.partition("Args:\n")[2].partition("\n\n")[0]
    return ENTRY.findall(section + "\n")


@pytest.mark.parametrize("name", CLASSES)
def test_the_docstring_describes_the_arguments_of_the_signature(name: str) -> None:
    optimizer = getattr(fs.torch, name)
    described = entries(optimizer)
    assert [argument for argument, _ in described] == names(optimizer)
    assert all(text.endswith(".") for _, text in described)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_writes_only_what_is_its_own(name: str) -> None:
    optimizer = getattr(fs.torch, name)
    source = inspect.getsource(optimizer)
    written = dict(ENTRY.findall(inspect.cleandoc(source.partition('"""')[2].partition('"""')[0])))
    assert written.keys() <= set(names(optimizer))
    assert not [argument for argument, text in written.items() if ARGUMENTS.get(argument) == text]


def test_every_shared_description_is_used() -> None:
    used = {entry for name in CLASSES for entry in entries(getattr(fs.torch, name))}
    assert set(ARGUMENTS.items()) <= used


@pytest.mark.parametrize("name", CLASSES)
def test_help_shows_arguments_and_example(name: str) -> None:
    text = help_of(getattr(fs.torch, name))
    assert re.search(r"\bparams: ", text)
    assert ">>> import torch, fusedstep as fs" in text
    # One empty line between sections.
    assert "\n\n\n" not in getattr(fs.torch, name).__doc__


def help_of(thing: Any) -> str:
    import pydoc

    return pydoc.plain(pydoc.render_doc(thing))


def test_an_argument_without_a_description_is_refused() -> None:
    class Optimizer:
        """An optimizer.

        Args:
            lr: a factor.

        >>> 1
        1
        """

        def __init__(self, lr: float, unheard_of: float) -> None:
            del lr, unheard_of

    with pytest.raises(KeyError, match="unheard_of"):
        documented(Optimizer)


def test_a_class_overrides_shared_descriptions() -> None:
    class Optimizer:
        """An optimizer.

        Args:
            lr: a factor,
                in two lines.
        """

        def __init__(self, lr: float, eps: float = 0) -> None:
            del lr, eps

    assert entries(documented(Optimizer)) == [("lr", "a factor,\n        in two lines."), ("eps", ARGUMENTS["eps"])]


def test_classes_import_without_docstrings() -> None:
    script = "import fusedstep as fs; print(fs.torch.Adam.__doc__)"
    done = subprocess.run([sys.executable, "-OO", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
