"""A rule as a function of whole arrays, which XLA compiles."""

import math
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..codegen.module_loader import execute
from ..codegen.rule.program import Program, ReductionScope
from ..codegen.xla.weave import weave_whole
from ..operators.operator import Operator
from ..storage import compute_type
from .flattened import in_place_of
from .scalars import is_array

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
        if self.flattens(states[0].ndim):
            # Of rows that are made flat neither a mesh of explicit axes nor XLA tells where they lie.
            return in_place_of(states, self.computed, gradient, numbers)
        return self.computed(states, gradient, numbers)

    def computed(self, states: Sequence[jax.Array], gradient: jax.Array, numbers: tuple[Any, ...]) -> list[jax.Array]:
        """The new states in use, by the rule's text."""
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

    def flattens(self, dimensions: int) -> bool:
        """Whether the rule sees rows of a variable with more dimensions than two as flat ones."""
        return dimensions > 2 and self.program.reduction_scope != ReductionScope.ELEMENT and not self.program.matrices

    def seen(self, k: int, own: Shape, shape: Shape) -> Shape:
        """The shape in which the rule sees a state of its own shape beside a variable."""
        if self.program.reduction_scope == ReductionScope.ELEMENT:
            return own
        if not self.program.matrices:
            rows = shape[0] if shape else 1
            return rows, math.prod(own) // rows
        if k in self.program.by_row:
            return *shape[:-1], 1
        return (*shape[:-2], 1, shape[-1]) if k in self.program.by_column else own


def weave(operator: Operator, storage: str) -> Woven:
    """An operator's rule for a variable's storage type."""
    compute = compute_type(storage)
    return Woven(operator.spec.program, execute(weave_whole(operator.spec, compute)), compute)
