"""Update rules: mathematics only, independent of loops, dtypes, threads and frameworks.

Every family of rules is one file of this folder. The names in its ``__all__`` are attributes of this package:
``fusedstep.rules.adam`` is the function ``adam`` of ``adam.py``.

A rule is a plain function. Its positional arguments are the states and then the gradient, its keyword-only
arguments are scalars, and a keyword-only argument annotated ``bool`` is a switch, fixed when the rule is compiled. It
returns the new states in the same order. Called with float64 NumPy arrays it is the reference with which every kernel
is compared.

What a rule may say:

- ``+ - * / ** %``, comparisons, ``& | ~`` of conditions of elements, and the words of ``fusedstep.words``;
- assignments, also of several values, and calls of plain functions, which are inlined;
- numbers, bools and tuples of them in the module or the function around it, read when an operator is made;
- ``if`` statements and ``a if condition else b``, whose conditions are of switches, constants and scalars. Switches and
  constants decide when the rule is read. Scalars choose once per call, between ways that are all compiled;
- ``and``, ``or``, ``not`` and ``0 < x < 1`` of these. Conditions of elements choose with ``where()``;
- ``for`` over ``range()`` or a tuple of constants, written out: 256 passes at most in a rule.
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
