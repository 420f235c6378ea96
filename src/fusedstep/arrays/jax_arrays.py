"""Arrays of JAX, which no code may change. JAX is imported by the caller, never here."""

import sys
from typing import Any


def is_array(value: Any) -> bool:
    """Whether a value is an array of JAX, known or traced."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, getattr(jax, "Array", ()))


def is_traced(value: Any) -> bool:
    """Whether a value is an array of JAX that has no memory yet: inside a function that JAX transforms."""
    return is_array(value) and isinstance(value, sys.modules["jax"].core.Tracer)
