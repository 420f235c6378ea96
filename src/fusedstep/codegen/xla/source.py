"""The text of the functions that XLA compiles; it is written without JAX."""

from ..recipe import Recipe
from ..whole_arrays import ComplexWordCalls, weave


def source(recipe: Recipe) -> str:
    """The text of the module of a recipe's functions."""
    return weave(recipe, f"{__package__}.words", ComplexWordCalls)
