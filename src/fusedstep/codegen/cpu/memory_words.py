"""What the words of ``loops/cpu/memory.py`` mean to Numba."""
# mypy: ignore-errors

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...loops.cpu import memory

BYTE, INTEGER, WORD, VOID = ir.PointerType(ir.IntType(8)), ir.IntType(64), ir.IntType(32), ir.VoidType()


def numbers(kind):
    """The word for numbers of a kind from an address on."""

    @intrinsic
    def word(typing_context, address):
        def generate(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return word


def prefetch(writes, level):
    """The word that asks for a cache line."""

    @intrinsic
    def word(typing_context, address):
        def generate(context, builder, signature, arguments):
            kind = ir.FunctionType(ir.VoidType(), [BYTE, WORD, WORD, WORD])
            function = builder.module.declare_intrinsic("llvm.prefetch", [BYTE], kind)
            # For writing or reading, the nearest cache that is to hold it (3 is the first), data.
            builder.call(function, [builder.inttoptr(arguments[0], BYTE), WORD(writes), WORD(level), WORD(1)])
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return word


def called(builder, address, arguments, returned=VOID):
    """Calls what lies at an address with integers."""
    kind = ir.FunctionType(returned, [INTEGER] * len(arguments))
    return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@intrinsic
def take_step(typing_context, function, block, row, count, gradient):
    def generate(context, builder, signature, arguments):
        called(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@intrinsic
def take_sum(typing_context, function, sums, gradient, count):
    def generate(context, builder, signature, arguments):
        called(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


@intrinsic
def take_weighted_sum(typing_context, function, sums, gradient, count, weight):
    def generate(context, builder, signature, arguments):
        called(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@intrinsic
def take_closed_form(typing_context, function, block, row, kept, moved, checked):
    def generate(context, builder, signature, arguments):
        return called(builder, arguments[0], arguments[1:], INTEGER)

    return types.int64(*[types.int64] * 6), generate


@intrinsic
def take_groups(typing_context, function, indices, count, rows, table, groups, unique_rows, sums_due):
    def generate(context, builder, signature, arguments):
        return called(builder, arguments[0], arguments[1:], INTEGER)

    return types.int64(*[types.int64] * 8), generate


@intrinsic
def take_loop(typing_context, function, block):
    def generate(context, builder, signature, arguments):
        called(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def add_atomically(typing_context, address, addend):
    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], INTEGER.as_pointer())
        return builder.atomic_rmw("add", pointer, arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def ask_python(typing_context, function, first, second):
    def generate(context, builder, signature, arguments):
        return called(builder, arguments[0], arguments[1:], INTEGER)

    return types.int64(*[types.int64] * 3), generate


WORDS = {
    memory.int64s: numbers(types.int64),
    memory.int32s: numbers(types.int32),
    memory.int16s: numbers(types.int16),
    memory.float64s: numbers(types.float64),
    memory.float32s: numbers(types.float32),
    memory.ask_python: ask_python,
    memory.take_step: take_step,
    memory.take_sum: take_sum,
    memory.take_weighted_sum: take_weighted_sum,
    memory.take_closed_form: take_closed_form,
    memory.take_groups: take_groups,
    memory.take_loop: take_loop,
    memory.add_atomically: add_atomically,
    memory.prefetch_to_write: prefetch(writes=1, level=3),
    # What is read comes in a long stream, which the nearest cache does not hold.
    memory.prefetch_to_read: prefetch(writes=0, level=2),
}
