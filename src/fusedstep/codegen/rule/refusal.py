"""What a rule may not say: a TypeError that says what is wrong, the remedy, and in which file and line it stands."""

from collections.abc import Callable
from typing import Any


def refusal(function: Callable[..., Any], why: str, line: int | None = None, *, within: str = "") -> TypeError:
    """The error that refuses a rule, or a helper ``within`` a rule.

    Args:
        function: the rule or the helper.
        why: what is wrong, and the remedy.
        line: the line that is at fault in the function's file; by default the first of its definition.
        within: the rule that calls the helper.

    >>> def rule(var, grad): ...
    >>> str(refusal(rule, "it has no return"))  # doctest: +ELLIPSIS
    'rule rule: it has no return (...:1)'
    """
    code = function.__code__
    name = f"{within}, in {function.__name__}" if within else function.__name__
    return TypeError(f"rule {name}: {why} ({code.co_filename}:{line or code.co_firstlineno})")
