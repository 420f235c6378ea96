"""What span functions are made of in LLVM: a module, a loop over elements, addresses of elements, fields and rows."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from . import conversions

BYTE, INTEGER, POINTER, VOID = ir.IntType(8), ir.IntType(64), ir.PointerType(), ir.VoidType()
# Where a function is given no memory of some kind.
NOWHERE = ir.Constant(POINTER, None)


def new_module(name: str, kind: ir.FunctionType, *arguments: str) -> tuple[ir.Module, ir.Function]:
    """A module with one function that is called from outside."""
    module = ir.Module(name)
    function = ir.Function(module, kind, name)
    for argument, called in zip(function.args, arguments, strict=True):
        argument.name = called
    function.attributes.add("nounwind")
    return module, function


def counted(builder: ir.IRBuilder, count: Any, body: Callable[[Any], None]) -> None:
    """Writes a loop over ``count`` elements."""
    function, before = builder.function, builder.block
    loop, after = function.append_basic_block("element"), function.append_basic_block("done")
    builder.cbranch(builder.icmp_signed(">", count, INTEGER(0)), loop, after)
    builder.position_at_end(loop)
    i = builder.phi(INTEGER, "i")
    i.add_incoming(INTEGER(0), before)
    body(i)
    following = builder.add(i, INTEGER(1), flags=("nuw", "nsw"))
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
    builder.position_at_end(after)


def item_at(builder: ir.IRBuilder, start: Any, storage: str, i: Any) -> Any:
    """The address of an element."""
    return builder.gep(start, [i], source_etype=conversions.STORED[storage], inbounds=True)


def field_at(builder: ir.IRBuilder, block: Any, field: int) -> Any:
    """The address of a field of a block."""
    return builder.gep(block, [INTEGER(field)], source_etype=INTEGER)


def field_in(builder: ir.IRBuilder, block: Any, field: int) -> Any:
    """What a field of a block holds."""
    return builder.load(field_at(builder, block, field), typ=INTEGER)


def numbers_at(builder: ir.IRBuilder, block: Any) -> Any:
    """The address of the numbers of a block."""
    distance = field_in(builder, block, layout.NUMBERS)
    return builder.gep(block, [distance], source_etype=BYTE)


def state_at(builder: ir.IRBuilder, block: Any, row: Any, k: int) -> Any:
    """The address of a row of a state."""
    record = layout.STATES + layout.RECORD * k
    start, stride = (field_in(builder, block, record + field) for field in (layout.ADDRESS, layout.ROW_STRIDE))
    return builder.inttoptr(builder.add(start, builder.mul(row, stride)), POINTER)
