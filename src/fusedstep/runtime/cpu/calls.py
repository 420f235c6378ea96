"""From a checked call to what runs it: span functions with a loop."""

from collections.abc import Callable, Sequence
from typing import Any

from ...arrays.layout import Rows
from ..aliasing import ensure_no_alias
from .launch import LOOPS
from .span_call import SpanCall


def call_of(
    operator: Any,
    loop: str,
    storages: tuple[str, ...],
    tables: Sequence[Rows],
    gradient: Any,
    storage: str,
    scalars: Sequence[float],
    announce: Callable[[], None],
    key: int | None = None,
    held: Sequence[Rows] = (),
) -> SpanCall:
    """A checked call, ready to be launched.

    Args:
        operator: the operator.
        loop: the loop that the call runs.
        storages: the storage type of each state.
        tables, gradient, storage, scalars, announce: see ``SpanCall``.
        key: of stochastic rounding.
        held: the states as the caller holds them, where ``tables`` are rows of other shapes.

    Raises:
        ValueError: two states share memory.
    """
    functions, by_rows = operator.span_functions(storages, storage), loop != LOOPS[None]
    call = SpanCall(functions, tables, gradient, storage, scalars, announce, by_rows, key)
    if call.overlaps:
        separate = ensure_no_alias(operator.name, operator.facts.wanted.names, held or tables, gradient)
        call = SpanCall(functions, tables, separate, storage, scalars, announce, by_rows, key)
    return call
