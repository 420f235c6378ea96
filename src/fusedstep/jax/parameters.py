"""The checks of the parameters and gradients of a transformation. They may be integers or complex, as in optax."""

from typing import Any

import jax
import jax.numpy as jnp

from ..operators.operator import Operator
from . import arrays
from .state_types import PARTS


def parse_parameter(operator: Operator, leaf: Any) -> jax.Array:
    """A parameter as an array that the rule can update; integers as floating-point numbers.

    Raises:
        TypeError: its type is not supported.
        ValueError: the rule works on columns, and the parameter has fewer than two dimensions.
    """
    param = parse_numbers(operator, "a parameter", leaf)
    check_dimensions(operator, param.shape)
    return param


def parse_pair(operator: Operator, grad: Any, leaf: Any) -> tuple[jax.Array, jax.Array]:
    """A gradient and its parameter as arrays.

    Raises:
        TypeError: a type is not supported, or the gradient is complex and its parameter is not.
        ValueError: the shapes differ, or the parameter has too few dimensions.
    """
    gradient = parse_numbers(operator, "a gradient", grad)
    param = parse_parameter(operator, leaf)
    if gradient.shape != param.shape:
        raise ValueError(f"{operator.name}: a gradient has shape {gradient.shape}, its parameter {param.shape}")
    if is_complex(gradient) and not is_complex(param):
        raise TypeError(
            f"{operator.name}: a gradient holds {gradient.dtype}, its parameter {param.dtype}; pass grad.real"
        )
    return gradient.astype(param.dtype) if is_complex(param) else gradient, param


def parse_numbers(operator: Operator, name: str, given: Any) -> jax.Array:
    """Floating-point or complex numbers as an array; integers as floating-point numbers.

    Raises:
        TypeError: ``given`` is not an array, or its type is not supported.
    """
    array = arrays.to_array(operator.name, name, given)
    check_type(operator, name, array.dtype)
    return array.astype(float_type()) if jnp.issubdtype(array.dtype, jnp.integer) else array


def parse_description(operator: Operator, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """The description of a parameter that the rule can update; of integers that of floating-point numbers.

    Raises:
        TypeError, ValueError: as for the parameter itself.
    """
    own = jax.dtypes.canonicalize_dtype(leaf.dtype, allow_extended_dtype=True)
    check_type(operator, "a parameter", own)
    check_dimensions(operator, leaf.shape)
    own = float_type() if jnp.issubdtype(own, jnp.integer) else own
    return jax.ShapeDtypeStruct(leaf.shape, own, sharding=leaf.sharding)


def check_type(operator: Operator, name: str, own: Any) -> None:
    """Check the type of a parameter or a gradient.

    Raises:
        TypeError: the type is not supported.
    """
    if not jnp.issubdtype(own, jnp.integer) and str(own) not in PARTS:
        arrays.check_type(operator.name, name, own)


def is_complex(array: Any) -> bool:
    """Return whether the type of an array is complex."""
    return str(array.dtype) in PARTS


def real_type(array: Any) -> str:
    """The type of an array, or of the parts of a complex one."""
    return PARTS.get(str(array.dtype), str(array.dtype))


def float_type() -> Any:
    """The type of floating-point numbers in JAX: float64 if it is enabled, else float32."""
    return jnp.result_type(float)


def check_dimensions(operator: Operator, shape: arrays.Shape) -> None:
    """Check that a parameter has columns if the rule works on columns.

    Raises:
        ValueError: it has too few dimensions.
    """
    if operator.spec.matrices and len(shape) < 2:
        raise ValueError(
            f"{operator.name}: a parameter has shape {shape}, expected two dimensions or more, as the rule works on "
            "columns; give such parameters another rule with optax.multi_transform"
        )
