"""Callgrind's client requests; outside valgrind they do nothing.

A request is a sequence of instructions that change nothing, which valgrind knows, with the address of its arguments in
a register (the manual of valgrind, "The client request mechanism").
"""

import ctypes

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.extending import intrinsic

# 'C' and 'T' in the upper bytes, then the number of the request.
BASE = 0x43540000
ZERO, DUMP_AT, START, STOP = BASE + 1, BASE + 3, BASE + 4, BASE + 5
SEQUENCE = "rolq $$3, %rdi\nrolq $$13, %rdi\nrolq $$61, %rdi\nrolq $$51, %rdi\nxchgq %rbx, %rbx"


# Numba itself never reads assembly.
binding.initialize_native_asmparser()


@intrinsic
def requested(context, address):
    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word, word])
        return builder.asm(function, SEQUENCE, "={rdx},{rax},0,~{cc},~{memory}", [arguments[0], word(0)], True)

    return types.int64(types.int64), generate


@njit("int64(int64)", cache=True)
def request_at(address):
    return requested(address)


def request(code: int, argument: int = 0) -> None:
    """Makes a request of valgrind."""
    words = np.array([code, argument, 0, 0, 0, 0], np.uint64)
    request_at(words.ctypes.data)


def start() -> None:
    """Begins to count, at 0."""
    request(START)
    request(ZERO)


def stop() -> None:
    """Counts no longer."""
    request(STOP)


def dump(name: str) -> None:
    """Writes down what was counted, under a name."""
    text = ctypes.create_string_buffer(name.encode())
    request(DUMP_AT, ctypes.addressof(text))
