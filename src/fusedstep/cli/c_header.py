"""C headers of exported functions."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import __version__
from ..codegen.cpu.compiler import Processor
from ..codegen.cpu.symbols import plain
from ..codegen.program import Program
from .descriptions import description

WIDTH = 100
TYPES = {"float64": "double", "float32": "float", "float16": "uint16_t", "bfloat16": "uint16_t"}
# Words of C and of C++ that an argument's name in Python may be, and what a header's reader may have defined.
WORDS = """
alignas alignof auto bool case catch char class const constexpr decltype default delete do double enum explicit export
extern false float friend goto inline int int64_t linux long mutable namespace new noexcept nullptr operator private
protected public register requires restrict short signed sizeof static struct switch template this thread_local throw
true typedef typename typeof uint16_t union unix unsigned using virtual void volatile wchar_t xor
"""
TAKEN = frozenset(WORDS.split())

HEADER = """\
{comment}
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

{told}
void {symbol}({arguments});

#ifdef __cplusplus
}}
#endif

#endif
"""


def header(
    rule: Callable[..., Any],
    program: Program,
    storages: Sequence[str],
    gradient: str,
    symbol: str,
    processor: Processor,
) -> str:
    """The header of a function.

    Args:
        rule: the rule, which tells what it does.
        program: the same, translated.
        storages, gradient: the storage types.
        symbol: what the function is called.
        processor: what it is compiled for.
    """
    signature, names = program.signature, c_names(program)
    states = [
        f"{'' if changed else 'const '}{TYPES[storage]} *{names[state]}"
        for state, storage, changed in zip(signature.states, storages, program.changed, strict=True)
    ]
    scalars = [f"double {names[scalar]}" for scalar in signature.scalars]
    arrays = [*states, f"const {TYPES[gradient]} *{names[signature.gradient]}", "int64_t count"]
    machine = f"{processor.triple}, {processor.name or 'any CPU'}"
    machine += f" with {processor.features}" if processor.features else ""
    return HEADER.format(
        comment=comment([f"Written by fusedstep {__version__} export; compiled for {machine}."]),
        guard=f"{symbol.upper()}_H",
        told=comment(told(rule, program, [*storages, gradient], names)),
        symbol=symbol,
        arguments=textwrap.fill(", ".join([*arrays, *scalars]), WIDTH, subsequent_indent="    "),
    )


def told(rule: Callable[..., Any], program: Program, storages: Sequence[str], names: dict[str, str]) -> list[str]:
    """What a function does, and what is asked of its arguments, in paragraphs."""
    said, signature = description(rule.__doc__), program.signature
    arrays = [*signature.states, signature.gradient]
    changed = [name for name, changes in zip(signature.states, program.changed, strict=True) if changes]
    bits = [f"{names[name]} {storage}" for name, storage in zip(arrays, storages, strict=True) if "16" in storage]
    order = [*arrays, "count", *signature.scalars]
    meanings = said.arguments | {"count": "how many elements each array has; nothing is done where it is not positive."}
    return [
        f"One step of the rule {signature.name}: {said.summary}".removesuffix(": "),
        "\n".join(said.formula),
        f"Changed in place: {', '.join(names[name] for name in changed)}. The arrays must not overlap.",
        *[f"Held as bits: {', '.join(bits)}."] * bool(bits),
        "Scalars are evaluated in double, once a call. A rule of exp, log or powers needs the library of"
        " mathematics (-lm). Threads may call at once, each with arrays of its own.",
        "\n".join(f"{names[name]}: {meanings[name]}" for name in order if name in meanings),
    ]


def comment(paragraphs: Iterable[str]) -> str:
    """Paragraphs as a comment."""
    lines: list[str] = []
    for paragraph in filter(None, paragraphs):
        lines.append("")
        for line in paragraph.replace("*/", "* /").replace("/*", "/ *").splitlines():
            lines += textwrap.wrap(line, WIDTH - 3, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["/*", *(f" * {line}".rstrip() for line in lines[1:]), " */"])


def c_names(program: Program) -> dict[str, str]:
    """What each argument is called in C: as in the rule, where C can have that."""
    signature = program.signature
    found = {"": "count"}
    for name in (*signature.states, signature.gradient, *signature.scalars):
        called = plain(name)
        while called in TAKEN or called in found.values():
            called += "_"
        found[name] = called
    return found | {"count": "count"}
