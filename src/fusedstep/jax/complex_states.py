"""Which states of a complex parameter are complex: means of gradients are, those of their squares are not."""

from collections.abc import Mapping

import jax
import numpy as np

from ..codegen.rule.axes import reduced_shape
from ..codegen.xla.build import COMPLEX, RuleFunctions
from ..operators.operator import Operator


def complex_states(operator: Operator, functions: RuleFunctions, kinds: Mapping[str, str]) -> frozenset[str]:
    """The names of the states that a step with a complex gradient makes complex.

    Args:
        operator: the operator.
        functions: its functions.
        kinds: the kinds of the states in use by name.

    Raises:
        TypeError: the rule is not defined for complex numbers.
    """
    shape, wide = (2, 2), COMPLEX[functions.compute]
    numbers = tuple(np.dtype(functions.compute).type(1) for _ in functions.program.numbers)
    param = jax.ShapeDtypeStruct(shape, wide)
    found: frozenset[str] = frozenset()
    while True:
        states = [
            jax.ShapeDtypeStruct(
                reduced_shape(kind, shape, operator.spec.matrices), wide if name in found else functions.compute
            )
            for name, kind in kinds.items()
        ]
        try:
            new = jax.eval_shape(lambda *each: functions.step(each[:-1], each[-1], numbers), param, *states, param)
        except TypeError as error:
            raise TypeError(
                f"{operator.name}: a parameter holds complex numbers: {error}; update their parts, with "
                "optax.contrib.split_real_and_imaginary"
            ) from None
        more = found | {name for name, each in zip(kinds, new[1:], strict=True) if each.dtype == wide}
        if more == found:
            return found
        found = more
