"""Update rules: what the mathematics says, and nothing of loops, dtypes, threads or frameworks.

Every family of rules is one file of this folder; the names in its ``__all__`` are found here by themselves:
``fusedstep.rules.adam`` is the function ``adam`` of ``adam.py``.

A rule is a plain function. Its positional arguments are the states and then the gradient, its keyword-only
arguments are scalars, and a keyword-only argument annotated ``bool`` is a switch that is decided when the rule is
compiled. It returns the new states in the order in which it takes them. Called with float64 NumPy arrays it is the
reference that every kernel is tested against.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

__all__: list[str] = []

for _found in pkgutil.iter_modules(__path__):
    if _found.name not in ("words", "idle", "moments"):
        _family = importlib.import_module(f"{__name__}.{_found.name}")
        for _rule in _family.__all__:
            globals()[_rule] = getattr(_family, _rule)
            __all__.append(_rule)


def __getattr__(name: str) -> Callable[..., Any]:
    raise AttributeError(f"fusedstep has no rule {name!r}; it has {', '.join(sorted(__all__))}")
