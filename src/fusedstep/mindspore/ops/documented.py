"""What MindSpore documents of its operators beyond their arguments: which types are made one, and what comes back."""

from dataclasses import dataclass

FLOATS = ("float16", "float32")
DOUBLES = (*FLOATS, "float64")
INTEGERS = ("int32", "int64")


@dataclass(frozen=True)
class Documented:
    """What is particular to one operator's types and outputs.

    Attributes:
        groups: a letter for each argument in the documented order. Tensors under one letter end up of one type, that
            of the highest priority among them; ``-`` stands for itself alone.
        outputs: what comes back: "all" that the plain operator returns, in a tuple save where it is a new array alone;
            the "first" of it as a tensor; or "zeros", tensors of one zero in place of the states.
        refusal: the error where something updated in place would have to be converted.
        types: the types that floating-point arguments may end up with.
    """

    groups: str
    outputs: str = "all"
    refusal: type[Exception] = TypeError
    types: tuple[str, ...] = FLOATS


DOCUMENTED = {
    "Adam": Documented("T T1 T2 T3 T4 T5 T6 T7 T8 T"),
    "AdamNoUpdateParam": Documented("- - - - - - - - -"),
    "AdamW": Documented("- - - - - - - - - - -"),
    "AdamWeightDecay": Documented("T T1 T1 T2 T2 T2 T2 T2 T"),
    "ApplyAdaMax": Documented("T T T T1 T2 T3 T4 T5 T", types=DOUBLES),
    "ApplyAdadelta": Documented("T T T T1 T2 T3 T", types=DOUBLES),
    "ApplyAdagrad": Documented("T T T1 T", types=DOUBLES),
    "ApplyAdagradDA": Documented("T T T T T1 T2 T3 T4", "first"),
    "ApplyAdagradV2": Documented("T T T1 T", types=DOUBLES),
    "ApplyAdamW": Documented("T T1 T1 T2 T3 T4 T4 T4 T4 T4 T"),
    "ApplyAdamWithAmsgrad": Documented("T T T T T1 T2 T3 T"),
    "ApplyAdamWithAmsgradV2": Documented("T T T T T T T T T T T", types=DOUBLES),
    "ApplyAddSign": Documented("T T T1 T2 T3 T3 T", types=DOUBLES),
    "ApplyCenteredRMSProp": Documented("- - - - - - - - -", "first", types=DOUBLES),
    "ApplyFtrl": Documented("T T T T T T T T", "first", types=DOUBLES),
    "ApplyGradientDescent": Documented("T T1 T", "first", types=DOUBLES),
    "ApplyKerasMomentum": Documented("T T T1 T T2"),
    "ApplyMomentum": Documented("T T T1 T T2", "first", types=DOUBLES),
    "ApplyPowerSign": Documented("T T T T T T T", types=DOUBLES),
    "ApplyProximalAdagrad": Documented("T T T1 T2 T3 T"),
    "ApplyProximalGradientDescent": Documented("T T1 T2 T3 T", "first", types=DOUBLES),
    "ApplyRMSProp": Documented("- - - - - - - -", "first"),
    "FusedAdaFactor": Documented("- - - - - - - - - - - -", "first"),
    "FusedAdaFactorWithGlobalNorm": Documented("- - - - - - - - - - - - -", "first"),
    "FusedCastAdamWeightDecay": Documented("- - - - - - - - - -"),
    "FusedSparseAdam": Documented("T T T T T T T T T T T1", "zeros", RuntimeError),
    "FusedSparseFtrl": Documented("T T T T T1", refusal=RuntimeError),
    "FusedSparseLazyAdam": Documented("T T T T T T T T T T T1", refusal=RuntimeError),
    "FusedSparseProximalAdagrad": Documented("T T T T T T T1", refusal=RuntimeError),
    "FusedWeightScaleApplyMomentum": Documented("T3 T3 T T T1 T T2", "first"),
    "LARSUpdate": Documented("- - - - - -"),
    "Lamb": Documented("- - - - - - - - - -", "first"),
    "LambApplyOptimizerAssign": Documented("- - - - - - - - - - - -"),
    "LambApplyWeightAssign": Documented("- - - - -", "first"),
    "SGD": Documented("- - - - - -", "first"),
    "SparseApplyAdadelta": Documented("T T T T1 T1 T T2"),
    "SparseApplyAdagrad": Documented("T T T T1"),
    "SparseApplyAdagradDA": Documented("T T T T T1 T T T T2", "first", types=DOUBLES),
    "SparseApplyAdagradV2": Documented("T T T T1"),
    "SparseApplyCenteredRMSProp": Documented("T T T T T T T T T T1", "first", types=DOUBLES),
    "SparseApplyFtrl": Documented("T T T T T1"),
    "SparseApplyFtrlV2": Documented("T T T T T1"),
    "SparseApplyMomentum": Documented("T T T T T1 T", "first", types=DOUBLES),
    "SparseApplyProximalAdagrad": Documented("T T T1 T2 T3 T T4"),
    "SparseApplyProximalGradientDescent": Documented("T T T T T T1", "first", types=DOUBLES),
    "SparseApplyRMSProp": Documented("T T T T1 T T2"),
}

# Arguments that count, whatever the operator, and the types that they may have.
COUNTS = {
    "indices": INTEGERS,
    **dict.fromkeys(("global_step", "step", "steps"), (*INTEGERS, *FLOATS)),
}
