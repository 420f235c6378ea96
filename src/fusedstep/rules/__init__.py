"""Update rules: mathematics only, independent of loops, dtypes, threads and frameworks.

Every family of rules is one file of this folder. The names in its ``__all__`` are attributes of this package:
``fusedstep.rules.adam`` is the function ``adam`` of ``adam.py``.

A rule is a plain function. Its positional arguments are the states and then the gradient, its keyword-only
arguments are scalars, and a keyword-only argument annotated ``bool`` is a switch, fixed when the rule is compiled. It
returns the new states in the same order. Called with float64 NumPy arrays it is the reference with which every kernel
is compared.
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
