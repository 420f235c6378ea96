"""The generated source of a rule, for each backend."""

from collections.abc import Callable
from dataclasses import replace

from ..codegen.cpu.listing import listing
from ..codegen.gpu.weave import weave as weave_for_gpu
from ..codegen.recipe import Recipe
from ..codegen.rule.program import ReductionScope
from ..codegen.xla.source import source as source_for_jax
from ..runtime.cpu.loops import LOOPS


def source_on_gpu(recipe: Recipe) -> str:
    """The text of a recipe's kernel for Triton; rules with sums of rows have another dense loop there."""
    by_rows = recipe.loop == LOOPS[None] and recipe.spec.reduction_scope != ReductionScope.ELEMENT
    return weave_for_gpu(replace(recipe, loop="dense_rows") if by_rows else recipe)


SOURCES: dict[str, Callable[[Recipe], str]] = {"cpu": listing, "gpu": source_on_gpu, "jax": source_for_jax}
