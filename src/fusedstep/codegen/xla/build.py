"""Build what XLA compiles: a rule as functions of whole arrays."""

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...storage import compute_type
from ..module_loader import execute
from ..recipe import Recipe
from ..rule.program import Program, ReductionScope
from ..whole_arrays import view_shape
from .source import source

# The complex types by the type of their parts.
COMPLEX = {"float32": "complex64", "float64": "complex128"}


@dataclass(frozen=True)
class RuleFunctions:
    """A rule with its switches set, for one compute type.

    Attributes:
        program: the rule's program.
        module: the generated module, with the functions ``scalars_of`` and ``rule``.
        compute: the compute type.
    """

    program: Program
    module: types.ModuleType
    compute: str

    def numbers(self, scalars: Sequence[Any]) -> tuple[Any, ...]:
        """Evaluate what depends on scalars alone: in float64, on the host where they are known, and rounded once."""
        with jax.enable_x64(True), np.errstate(all="ignore"):
            wide = [
                lax.convert_element_type(each, "float64") if isinstance(each, jax.Array) else each for each in scalars
            ]
            found: tuple[Any, ...] = self.module.scalars_of(*wide)
        return found

    def type_of(self, value: Any) -> str:
        """The type in which a value is computed: the compute type, or the complex type of its precision."""
        return COMPLEX[self.compute] if jnp.iscomplexobj(value) else self.compute

    def step(self, states: Sequence[jax.Array], gradient: jax.Array, numbers: tuple[Any, ...]) -> list[jax.Array]:
        """Return the new states in use, in the compute type and in the shapes of the old ones."""
        wide = [lax.convert_element_type(each, self.type_of(each)) for each in states]
        shape = states[0].shape
        if not states[0].size:
            return wide
        views = [each.reshape(view_shape(self.program, k, each.shape, shape)) for k, each in enumerate(wide)]
        gradient = lax.convert_element_type(gradient, self.type_of(gradient)).reshape(views[0].shape)
        new = self.module.rule(*views, gradient, numbers)
        return [
            jnp.broadcast_to(jnp.asarray(value, self.type_of(value)), view.shape).reshape(each.shape)
            for value, view, each in zip(new, views, states, strict=True)
        ]

    def flattens(self, dimensions: int) -> bool:
        """Return whether a step reshapes a variable to two dimensions: rows that have more than one are made flat."""
        return dimensions > 2 and self.program.reduction_scope != ReductionScope.ELEMENT and not self.program.matrices


def build(recipe: Recipe) -> RuleFunctions:
    """Build the functions of a recipe.

    XLA makes the loops and converts storage types itself: of the recipe only the rule and the compute type matter.
    """
    return RuleFunctions(recipe.spec.program, execute(source(recipe)), compute_type(recipe.storages[0]))
