"""From a checked call to what runs it: a step at once, or span functions with a loop."""

from collections.abc import Callable, Sequence
from typing import Any

from ..arrays.address import address_of
from ..arrays.layout import Rows
from . import span_call
from .launch import LOOPS, threads_for
from .sharing import ensure_no_alias
from .span_call import SpanCall


def step_at_once(
    operator: Any,
    storages: tuple[str, ...],
    tables: Sequence[Rows],
    gradient: Any,
    storage: str,
    scalars: Sequence[float],
    announce: Callable[[], None],
) -> bool:
    """Takes a dense step that one thread does and whose rows have no gaps; False, and nothing done, for others."""
    size = gradient.size
    if operator.use_locking or threads_for(size) > 1:
        return False
    addresses = []
    for array, _, width, row_stride in tables:
        if row_stride != width:
            return False
        addresses.append(address_of(array))
    functions = operator.span_functions(storages, storage)
    block = span_call.flat_block(functions, addresses, size)
    return span_call.step_at_once(functions, block, address_of(gradient), size, scalars, announce)


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
        operator, loop, storages, tables, gradient, storage, scalars, announce: see ``SpanCall``.
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
