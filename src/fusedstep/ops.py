"""The operators under their documented names: ``fusedstep.ops.FusedSparseAdam`` and its relatives."""

from .operators.catalogue import OPERATORS, NamedOperator

__all__ = list(OPERATORS)

globals().update(OPERATORS)


def __getattr__(name: str) -> type[NamedOperator]:
    raise AttributeError(f"fusedstep.ops has no operator {name!r}; it has {', '.join(__all__)}")
