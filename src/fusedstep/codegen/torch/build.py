"""Build a rule as functions of whole tensors of PyTorch."""

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...storage import compute_type
from ..module_loader import execute
from ..recipe import Recipe
from ..rule.program import Program
from ..whole_arrays import view_shape, weave


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
    compute: torch.dtype

    def numbers(self, scalars: Sequence[Any]) -> tuple[Any, ...]:
        """Evaluate what depends on scalars alone: in float64, and rounded once. Tensors keep their history."""
        with np.errstate(all="ignore"):
            found: tuple[Any, ...] = self.module.scalars_of(
                *(each.double() if isinstance(each, Tensor) else float(each) for each in scalars)
            )
        return found

    def step(self, states: Sequence[Tensor], gradient: Tensor, numbers: tuple[Any, ...]) -> list[Tensor]:
        """Return the new states in use, in the compute type and in the shapes of the old ones."""
        wide = [each.to(self.compute) for each in states]
        shape = tuple(states[0].shape)
        if not states[0].numel():
            return wide
        views = [each.reshape(view_shape(self.program, k, tuple(each.shape), shape)) for k, each in enumerate(wide)]
        new = self.module.rule(*views, gradient.to(self.compute).reshape(views[0].shape), numbers)
        return [
            value.to(self.compute).broadcast_to(view.shape).reshape(each.shape)
            for value, view, each in zip(new, views, states, strict=True)
        ]


def build(recipe: Recipe) -> RuleFunctions:
    """Build the functions of a recipe, of which only the rule and the compute type matter here."""
    return RuleFunctions(
        recipe.spec.program,
        execute(weave(recipe, f"{__package__}.words")),
        getattr(torch, compute_type(recipe.storages[0])),
    )
