"""The libraries that contenders come from, and the Python that each is run with."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """A library.

    Attributes:
        file: its file among the contenders.
        module: the module whose presence means that it is installed.
        title: its name.
        peer: whether it is somebody else's.
    """

    file: str
    module: str
    title: str
    peer: bool = True


LIBRARIES = {
    "fusedstep": Library("fused_step", "numba", "fusedstep", peer=False),
    "fusedstep.torch": Library("fused_torch", "torch", "fusedstep.torch", peer=False),
    "startup": Library("startup", "numba", "fusedstep", peer=False),
    "streaming": Library("streaming", "numba", "streaming", peer=False),
    "torch": Library("torch_optim", "torch", "PyTorch"),
    "mindspore": Library("mind_spore", "mindspore", "MindSpore"),
    "tensorflow": Library("tensor_flow", "tensorflow", "TensorFlow"),
    "fbgemm": Library("fbgemm_cpu", "fbgemm_gpu", "FBGEMM"),
    "optax": Library("optax_adam", "optax", "optax"),
}
PEERS = tuple(name for name, library in LIBRARIES.items() if library.peer)


def pythons(given: Mapping[str, str]) -> dict[str, str]:
    """The Python of each library that can be run: this one where it is installed here, or one that is given."""
    here = {name: sys.executable for name, each in LIBRARIES.items() if importlib.util.find_spec(each.module)}
    return here | dict(given)


def peer(text: str) -> tuple[str, str]:
    """A peer and its Python, from ``NAME=PYTHON``.

    Raises:
        ValueError: it is not of this form, no such peer is known, or no such program is there.

    >>> import sys
    >>> peer(f"mindspore={sys.executable}")[0]
    'mindspore'
    """
    name, _, python = text.partition("=")
    if name not in PEERS or not python:
        raise ValueError(f"{text!r}, expected NAME=PYTHON with NAME one of {', '.join(PEERS)}")
    # A virtual environment's python is a link, and followed it would be another environment's.
    found = shutil.which(os.path.abspath(os.path.expanduser(python)) if os.sep in python else python)
    if found is None:
        raise ValueError(f"{text!r}, expected the python of an environment: {python} is no program")
    return name, found


def missing(found: Mapping[str, str]) -> Sequence[str]:
    """The peers that are neither installed here nor given."""
    return [name for name in PEERS if name not in found]
