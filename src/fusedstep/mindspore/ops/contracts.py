"""What MindSpore documents about its operators besides the arguments: type groups, results and errors."""

from dataclasses import dataclass

FLOATS = ("float16", "float32")
DOUBLES = (*FLOATS, "float64")
INTEGERS = ("int32", "int64")


@dataclass(frozen=True)
class Contract:
    """The documented types and results of one operator.

    Attributes:
        groups: the type group of each argument, in the documented order. Tensors of one group are converted to the
            highest type among them. ``-`` is a group of one argument.
        outputs: the result: "all" results of the plain operator, in a tuple unless the result is one new array; the
            "first" of them as a tensor; or "zeros", a tensor of one zero for each state.
        refusal: the type of error if something that is updated in place would need a conversion.
        types: the types that floating-point arguments may have after conversion.
        below_zero_is_zero: scalars whose documented formula has no term unless they are above 0.
    """

    groups: str
    outputs: str = "all"
    refusal: type[Exception] = TypeError
    types: tuple[str, ...] = FLOATS
    below_zero_is_zero: tuple[str, ...] = ()


CONTRACTS = {
    "Adam": Contract("T T1 T2 T3 T4 T5 T6 T7 T8 T"),
    "AdamNoUpdateParam": Contract("- - - - - - - - -"),
    "AdamW": Contract("- - - - - - - - - - -"),
    "AdamWeightDecay": Contract("T T1 T1 T2 T2 T2 T2 T2 T"),
    "ApplyAdaMax": Contract("T T T T1 T2 T3 T4 T5 T", types=DOUBLES),
    "ApplyAdadelta": Contract("T T T T1 T2 T3 T", types=DOUBLES),
    "ApplyAdagrad": Contract("T T T1 T", types=DOUBLES),
    "ApplyAdagradDA": Contract("T T T T T1 T2 T3 T4", "first", below_zero_is_zero=("l1",)),
    "ApplyAdagradV2": Contract("T T T1 T", types=DOUBLES),
    "ApplyAdamW": Contract("T T1 T1 T2 T3 T4 T4 T4 T4 T4 T"),
    "ApplyAdamWithAmsgrad": Contract("T T T T T1 T2 T3 T"),
    "ApplyAdamWithAmsgradV2": Contract("T T T T T T T T T T T", types=DOUBLES),
    "ApplyAddSign": Contract("T T T1 T2 T3 T3 T", types=DOUBLES),
    "ApplyCenteredRMSProp": Contract("- - - - - - - - -", "first", types=DOUBLES),
    "ApplyFtrl": Contract("T T T T T T T T", "first", types=DOUBLES),
    "ApplyGradientDescent": Contract("T T1 T", "first", types=DOUBLES),
    "ApplyKerasMomentum": Contract("T T T1 T T2"),
    "ApplyMomentum": Contract("T T T1 T T2", "first", types=DOUBLES),
    "ApplyPowerSign": Contract("T T T T T T T", types=DOUBLES),
    "ApplyProximalAdagrad": Contract("T T T1 T2 T3 T"),
    "ApplyProximalGradientDescent": Contract("T T1 T2 T3 T", "first", types=DOUBLES),
    "ApplyRMSProp": Contract("- - - - - - - -", "first"),
    "FusedAdaFactor": Contract("- - - - - - - - - - - -", "first"),
    "FusedAdaFactorWithGlobalNorm": Contract("- - - - - - - - - - - - -", "first"),
    "FusedCastAdamWeightDecay": Contract("- - - - - - - - - -"),
    "FusedSparseAdam": Contract("T T T T T T T T T T T1", "zeros", RuntimeError),
    "FusedSparseFtrl": Contract("T T T T T1", refusal=RuntimeError),
    "FusedSparseLazyAdam": Contract("T T T T T T T T T T T1", refusal=RuntimeError),
    "FusedSparseProximalAdagrad": Contract("T T T T T T T1", refusal=RuntimeError),
    "FusedWeightScaleApplyMomentum": Contract("T3 T3 T T T1 T T2", "first"),
    "LARSUpdate": Contract("- - - - - -"),
    "Lamb": Contract("- - - - - - - - - -", "first"),
    "LambApplyOptimizerAssign": Contract("- - - - - - - - - - - -"),
    "LambApplyWeightAssign": Contract("- - - - -", "first"),
    "SGD": Contract("- - - - - -", "first"),
    "SparseApplyAdadelta": Contract("T T T T1 T1 T T2"),
    "SparseApplyAdagrad": Contract("T T T T1"),
    "SparseApplyAdagradDA": Contract("T T T T T1 T T T T2", "first", types=DOUBLES, below_zero_is_zero=("l1",)),
    "SparseApplyAdagradV2": Contract("T T T T1"),
    "SparseApplyCenteredRMSProp": Contract("T T T T T T T T T T1", "first", types=DOUBLES),
    "SparseApplyFtrl": Contract("T T T T T1"),
    "SparseApplyFtrlV2": Contract("T T T T T1"),
    "SparseApplyMomentum": Contract("T T T T T1 T", "first", types=DOUBLES),
    "SparseApplyProximalAdagrad": Contract("T T T1 T2 T3 T T4"),
    "SparseApplyProximalGradientDescent": Contract("T T T T T T1", "first", types=DOUBLES),
    "SparseApplyRMSProp": Contract("T T T T1 T T2"),
}

# Indices and counters of any operator, and the types that they may have.
COUNTS = {
    "indices": INTEGERS,
    **dict.fromkeys(("global_step", "step", "steps"), (*INTEGERS, *FLOATS)),
}
