"""What MindSpore documents of its operators beyond their arguments: which types are made one, and what comes back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Documented:
    """What is particular to one operator's types and outputs.

    Attributes:
        groups: a letter for each argument in the documented order. Tensors under one letter end up of one type, that
            of the highest priority among them; ``-`` stands for itself alone.
        refusal: the error where something updated in place would have to be converted.
        types: the types that floating-point arguments may end up with.
        zeros: whether tensors of one zero come back in place of the states.
    """

    groups: str
    refusal: type[Exception] = TypeError
    types: tuple[str, ...] = ("float16", "float32")
    zeros: bool = False


DOCUMENTED = {
    "ApplyProximalAdagrad": Documented("T T T1 T2 T3 T"),
    "FusedSparseAdam": Documented("T T T T T T T T T T T1", refusal=RuntimeError, zeros=True),
    "FusedSparseLazyAdam": Documented("T T T T T T T T T T T1", refusal=RuntimeError),
    "FusedSparseProximalAdagrad": Documented("T T T T T T T1", refusal=RuntimeError),
}

# Arguments that are no floating-point numbers, whatever the operator, and the types that they may have.
INTEGERS = {"indices": ("int32", "int64")}
