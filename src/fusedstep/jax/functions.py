"""The functions that XLA compiles for an operator."""

from ..codegen.recipe import Recipe
from ..codegen.xla.build import RuleFunctions, build
from ..operators.operator import Operator


def functions_of(operator: Operator, storage: str) -> RuleFunctions:
    """Build an operator's functions for a variable of a storage type."""
    return build(Recipe(operator.spec, (storage,), storage))
