"""Exported functions of rules whose sums reach beyond a row: a loop of ``loops/cpu``, and the stages that it calls."""

from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from ...loops.cpu.whole_tensor import CHUNK
from ...storage import STORAGES, compute_type
from . import loops, span_functions
from .elements import INTEGER, POINTER, VOID, field_at, item_at, numbers_at
from .exported_arguments import Exported, Given, begun, extents_of, workspace_symbol
from .scalars import numbers_of
from .tensor_stages import StageWriter

# By names that no function of C can have.
STEP, ITEMS = "loop.step", "loop.items"


def texts(exported: Exported) -> list[str]:
    """All that the function is made of, as LLVM text."""
    looped = [*loops.texts("whole_step", STEP), *loops.texts("workspace_items", ITEMS)]
    return [*looped, *(span_functions.step_function(writer).text for writer in writers(exported)), step_text(exported)]


def writers(exported: Exported) -> list[StageWriter]:
    """What writes each stage."""
    known = exported.program, exported.storages, exported.gradient, exported.has_half, False
    return [StageWriter(*known, number) for number in range(exported.program.stages)]


def step_text(exported: Exported) -> str:
    """The exported function, and the one that returns how much memory it takes."""
    module, program = ir.Module(exported.symbol), exported.program
    sums = [
        INTEGER(program.row_sums),
        INTEGER(len(program.matrix_sums)),
        INTEGER(program.over_tensor),
        INTEGER(program.column_sums),
        INTEGER(program.matrix_maxima),
        INTEGER(program.column_maxima),
    ]
    given = begun(module, exported)
    builder = given.builder
    step = ir.Function(module, ir.FunctionType(VOID, [INTEGER] * (4 + len(sums))), STEP)
    block, functions = block_of(given, exported), table_of(given, exported)
    addresses = [builder.ptrtoint(each, INTEGER) for each in (block, *given.workspace, functions)]
    builder.call(step, [*addresses, INTEGER(exported.program.last + 1), *sums])
    builder.ret_void()
    say_workspace(module, exported)
    return str(module)


def block_of(given: Given, exported: Exported) -> Any:
    """The block of the call, but for what the loop writes."""
    builder, program, storages = given.builder, exported.program, exported.storages
    compute = compute_type(storages[0])
    size = layout.scalars_at(len(storages), len(program.hoisted))
    block = allocated(builder, size, "block")

    def put(field: int, value: Any) -> None:
        builder.store(value, field_at(builder, block, field))

    matrices, rows, width, elements = shape_of(given.builder, given.extents)
    put(layout.MATRICES, matrices)
    put(layout.MATRIX_ROWS, rows)
    put(layout.ALL_ROWS, builder.mul(matrices, rows))
    put(layout.WIDTH, width)
    put(layout.ELEMENTS, elements)
    put(layout.GRADIENT, builder.ptrtoint(given.gradient, INTEGER))
    put(layout.GRADIENT_ROW, builder.mul(width, INTEGER(STORAGES[exported.gradient].item_bytes)))
    put(layout.NUMBERS, INTEGER(layout.ITEM * layout.numbers_at(len(storages))))
    for k, (state, storage, kind) in enumerate(zip(given.states, storages, program.kinds, strict=True)):
        record, item = layout.STATES + layout.RECORD * k, INTEGER(STORAGES[storage].item_bytes)
        put(record + layout.ADDRESS, builder.ptrtoint(state, INTEGER))
        put(record + layout.ROW_STRIDE, item if kind == "row" else builder.mul(width, item))
    numbers = numbers_at(builder, block)
    for k, number in enumerate(numbers_of(builder, program, given.scalars, compute)):
        builder.store(number, item_at(builder, numbers, compute, INTEGER(k)))
    return block


def table_of(given: Given, exported: Exported) -> Any:
    """The addresses of the stages, and 0 where no states are by column."""
    builder = given.builder
    table = allocated(builder, exported.program.last + 2, "stages")
    builder.store(INTEGER(0), field_at(builder, table, exported.program.last + 1))
    for number, writer in enumerate(writers(exported)):
        stage = ir.Function(builder.module, span_functions.STEP, writer.name)
        builder.store(builder.ptrtoint(stage, INTEGER), field_at(builder, table, number))
    return table


def allocated(builder: ir.IRBuilder, items: int, name: str) -> Any:
    """Memory for so many integers, and for what else is stored there: llvmlite's own pointer would be to integers."""
    memory = builder.alloca(INTEGER, size=INTEGER(items), name=name)
    return builder.inttoptr(builder.ptrtoint(memory, INTEGER), POINTER)


def say_workspace(module: ir.Module, exported: Exported) -> None:
    """Write the function that returns how many 64-bit numbers the sums take."""
    program, extents = exported.program, extents_of(exported.program)
    kind = ir.FunctionType(INTEGER, [INTEGER] * len(extents))
    function = ir.Function(module, kind, workspace_symbol(exported.symbol))
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    items = ir.Function(module, ir.FunctionType(INTEGER, [INTEGER] * 6), ITEMS)
    matrices, rows, width, _ = shape_of(builder, function.args)
    sums = INTEGER(program.row_sums), INTEGER(len(program.matrix_sums)), INTEGER(program.column_sums)
    builder.ret(builder.call(items, [matrices, rows, width, *sums]))


def shape_of(builder: ir.IRBuilder, extents: Any) -> tuple[Any, Any, Any, Any]:
    """Matrices, the rows of each, the elements of a row, and all elements."""
    if len(extents) == 1:
        (count,) = extents
        rows = builder.sdiv(builder.add(count, INTEGER(CHUNK - 1)), INTEGER(CHUNK))
        return INTEGER(1), rows, INTEGER(CHUNK), count
    *matrices, rows, width = extents
    several = matrices[0] if matrices else INTEGER(1)
    return several, rows, width, builder.mul(several, builder.mul(rows, width))
