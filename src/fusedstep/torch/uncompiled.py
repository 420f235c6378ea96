"""Functions that compilers run as they are."""

import sys
from functools import wraps
from typing import Any

import torch


def uncompiled(function: Any) -> Any:
    """A function that compilers run as it is: where one meets a gradient, it would compile what runs there, too."""
    disabled = torch._disable_dynamo(function)

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        # The first call of the other one imports the compiler.
        return (disabled if "torch._dynamo" in sys.modules else function)(*args, **named)

    return call
