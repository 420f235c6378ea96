"""The checks of parameters of a transformation."""

from typing import Any

import jax

from ..operators.operator import Operator
from . import arrays


def parse_parameter(operator: Operator, leaf: Any) -> jax.Array:
    """A parameter as an array that the rule can update.

    Raises:
        TypeError: its type is not supported.
        ValueError: the rule works on columns, and the parameter has fewer than two dimensions.
    """
    param = arrays.parse_state(operator.name, "a parameter", leaf)
    check_dimensions(operator, param.shape)
    return param


def parse_description(operator: Operator, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """The description of a parameter that the rule can update.

    Raises:
        TypeError, ValueError: as for the parameter itself.
    """
    own = jax.dtypes.canonicalize_dtype(leaf.dtype, allow_extended_dtype=True)
    arrays.check_type(operator.name, "a parameter", own, leaf.dtype)
    check_dimensions(operator, leaf.shape)
    return leaf


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
