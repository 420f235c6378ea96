"""A rule for XLA: its checked arguments, and the function of whole arrays that it becomes."""

import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..codegen.program import ELEMENTWISE, Program
from ..codegen.signature import read_signature
from ..codegen.storage import ARRAYS, compute_type
from ..codegen.store import execute
from ..codegen.whole_arrays import weave_whole
from ..operators.operator import Operator

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Woven:
    """A rule with its switches set, for one compute type.

    Attributes:
        program: the rule, translated.
        module: what it was woven into: ``scalars_of`` and ``rule``.
        compute: the compute type.
    """

    program: Program
    module: types.ModuleType
    compute: str

    def numbers(self, scalars: Sequence[Any]) -> tuple[Any, ...]:
        """What is computed from scalars alone: in float64, on the host where they are known, and rounded once."""
        with jax.enable_x64(True), np.errstate(all="ignore"):
            wide = [lax.convert_element_type(each, "float64") if is_array(each) else each for each in scalars]
            found: tuple[Any, ...] = self.module.scalars_of(*wide)
        return found

    def step(self, states: Sequence[jax.Array], gradient: jax.Array, numbers: tuple[Any, ...]) -> list[jax.Array]:
        """The new states in use, in the compute type and of the shapes that they came in."""
        wide = [lax.convert_element_type(each, self.compute) for each in states]
        shape = states[0].shape
        if not states[0].size:
            return wide
        views = [each.reshape(self.seen(k, each.shape, shape)) for k, each in enumerate(wide)]
        gradient = lax.convert_element_type(gradient, self.compute).reshape(views[0].shape)
        new = self.module.rule(*views, gradient, numbers)
        return [
            jnp.broadcast_to(jnp.asarray(value, self.compute), view.shape).reshape(each.shape)
            for value, view, each in zip(new, views, states, strict=True)
        ]

    def seen(self, k: int, own: Shape, shape: Shape) -> Shape:
        """The shape in which the rule sees a state of its own shape beside a variable."""
        if self.program.reach == ELEMENTWISE:
            return own
        if not self.program.matrices:
            rows = shape[0] if shape else 1
            return rows, math.prod(own) // rows
        if k in self.program.by_row:
            return *shape[:-1], 1
        return (*shape[:-2], 1, shape[-1]) if k in self.program.by_column else own


def weave(operator: Operator, storage: str) -> Woven:
    """An operator's rule for a variable's storage type. Woven anew: a number that the rule names may have changed."""
    compute = compute_type(storage)
    program, text = weave_whole(operator.rule, operator.switches, compute, "jax_numpy")
    return Woven(program, execute(text), compute)


def operator_of(rule: Callable[..., Any], named: Mapping[str, Any]) -> tuple[Operator, dict[str, Any]]:
    """A rule's operator with the switches among some named values, and the other values.

    Raises:
        TypeError: the rule is none, or a switch is no bool.
    """
    switches = {*read_signature(rule).switches, "maximize"}
    operator = Operator(rule, **{name: value for name, value in named.items() if name in switches})
    # As for the optimizers of the torch face: rows are what the first dimension counts.
    operator.any_rows = True
    return operator, {name: value for name, value in named.items() if name not in switches}


def scalars_of(operator: Operator, named: Mapping[str, Any]) -> list[Any]:
    """The rule's scalars in its order: arrays of JAX without dimensions, known numbers as NumPy's float64.

    Raises:
        TypeError: one is missing, not known or no real number.
        ValueError: an array holds another number of elements than one.
    """
    arrays = {name: scalar(operator.name, name, value) for name, value in named.items() if is_array(value)}
    numbers = operator.scalars({**named, **dict.fromkeys(arrays, 0.0)})
    return [
        arrays.get(name, np.float64(number)) for name, number in zip(operator.signature.scalars, numbers, strict=True)
    ]


def scalar(operator: str, name: str, value: jax.Array) -> jax.Array:
    """An array of one real number, without its dimensions."""
    if value.dtype.kind not in "iu" and str(value.dtype) not in ARRAYS:
        raise TypeError(f"{operator}: {name} holds {value.dtype}, expected a real number")
    if value.size != 1:
        raise ValueError(f"{operator}: {name} has shape {value.shape}, expected a scalar or an array of one element")
    return value.reshape(())


def is_array(value: Any) -> bool:
    """Whether a value is JAX's, known or traced."""
    return isinstance(value, jax.Array)
