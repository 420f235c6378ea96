"""The examples that MindSpore 2.10 documents for its optimizer operators: calls, inputs and printed numbers."""

from tests.mindspore.documented import adagrad, adam, momentum, proximal, rmsprop

EXAMPLES = {
    example.operator: example for family in (adam, adagrad, proximal, momentum, rmsprop) for example in family.EXAMPLES
}

# Operators whose documentation has no example.
WITHOUT = {
    "AdamW",
    "ApplyAdamW",
    "FusedAdaFactorWithGlobalNorm",
    "Lamb",
    "LambApplyOptimizerAssign",
    "LambApplyWeightAssign",
    "SparseApplyAdagrad",
    "SparseApplyFtrlV2",
}
