"""fusedstep: optimizer update operators, each rule written once in plain Python and run as one pass over memory.

>>> import numpy as np
>>> import fusedstep as fs
>>> var, m, v = np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
>>> gradient, indices = np.full((2, 2), 0.5, np.float32), np.array([2, 2])
>>> step = fs.ops.FusedSparseLazyAdam()
>>> _ = step(var, m, v, 0.9, 0.999, 0.001, 0.9, 0.999, 1e-8, gradient, indices)
>>> print(var[:, 0])
[1.    1.    0.999]
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import jax, mindspore, ops, rules, torch, words
    from .arrays.empty_table import empty_table
    from .operators.deferred import DeferredRows
    from .operators.operator import Operator
    from .runtime.cpu.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"
__all__ = [
    "DeferredRows",
    "Operator",
    "empty_table",
    "get_num_threads",
    "jax",
    "mindspore",
    "ops",
    "rules",
    "set_num_threads",
    "torch",
    "words",
]

_PLACES = {
    "DeferredRows": "operators.deferred",
    "Operator": "operators.operator",
    "empty_table": "arrays.empty_table",
    "get_num_threads": "runtime.cpu.threads",
    "set_num_threads": "runtime.cpu.threads",
}


def __getattr__(name: str) -> Any:
    # Imported at first use, so that importing fusedstep costs no more than importing NumPy.
    if name not in __all__:
        raise AttributeError(f"module 'fusedstep' has no attribute {name!r}; it has {', '.join(__all__)}")
    if name in _PLACES:
        return getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
