"""C headers of exported functions."""

import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from ... import __version__
from ...storage import STORAGES
from ..rule.program import Program, ReductionScope
from .exported_arguments import Exported, extents_of, workspace_symbol
from .symbols import plain

WIDTH = 100
TYPES = {each.name: f"{each.array_type}_t" for each in STORAGES.values()} | {"float64": "double", "float32": "float"}
# Words of C and C++ that may be names in Python, and common macros.
WORDS = """
alignas alignof and_eq asm auto bitand bitor bool case catch char char16_t char32_t char8_t class co_await co_return
co_yield compl concept const const_cast consteval constexpr constinit decltype default delete do double dynamic_cast
enum explicit export extern false float friend goto inline int int64_t linux long mutable namespace new noexcept
not_eq nullptr operator or_eq private protected public register reinterpret_cast requires restrict short signed sizeof
static static_assert static_cast struct switch template this thread_local throw true typedef typeid typename typeof
uint16_t union unix unsigned using virtual void volatile wchar_t xor xor_eq
"""
TAKEN = frozenset(WORDS.split())
# The macros of <stdint.h>.
MACROS = re.compile(r"U?INT\w*_(MAX|MIN|C)|(PTRDIFF|SIG_ATOMIC|SIZE|WCHAR|WINT)_(MAX|MIN)")
# Functions of the C library that exported code may call, and a program's entry point.
MATHEMATICS = ("ceil", "exp", "fabs", "floor", "fmax", "fmin", "fmod", "log", "pow", "sqrt")
FUNCTIONS = {*MATHEMATICS, *(f"{name}f" for name in MATHEMATICS), "main", "memcpy", "memmove", "memset"}

HEADER = """\
{comment}
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

{functions}

#ifdef __cplusplus
}}
#endif

#endif
"""

EXTENTS = {
    ("count",): {"count": "the number of elements of each array; nothing happens unless it is positive."},
    ("rows", "columns"): {
        "rows": "the number of rows of the arrays, one after another; nothing happens unless it is positive.",
        "columns": "the number of elements of a row; nothing happens unless it is positive.",
    },
    ("matrices", "rows", "columns"): {
        "matrices": "the number of matrices in the arrays, one after another: 1, or the product of all dimensions but "
        "the last two; nothing happens unless it is positive.",
        "rows": "the number of rows of a matrix; must be positive too.",
        "columns": "the number of elements of a row; must be positive too.",
    },
}


def is_taken(name: str) -> bool:
    """Whether a name means something else in C or C++."""
    return name in TAKEN or bool(MACROS.fullmatch(name))


def is_free(name: str) -> bool:
    """Whether an exported function may have a name; arguments of rules are no keywords of Python already."""
    return not (is_taken(name) or name in FUNCTIONS or keyword.iskeyword(name))


def header(exported: Exported, summary: str, formula: str, arguments: Mapping[str, str]) -> str:
    """The header of an exported function.

    Args:
        exported: the types and the target of the function, with the program of its rule.
        summary, formula: what the rule computes.
        arguments: the meanings of the rule's arguments, by name.
    """
    program, symbol, processor = exported.program, exported.symbol, exported.processor
    signature, names, extents = program.signature, c_names(program), extents_of(program)
    states = [
        f"{'' if changed else 'const '}{TYPES[storage]} *{names[state]}"
        for state, storage, changed in zip(signature.states, exported.storages, program.changed, strict=True)
    ]
    sizes = [f"int64_t {extent}" for extent in extents]
    scratch = ["double *workspace"] if program.reduction_scope == ReductionScope.TENSOR else []
    scalars = [f"double {names[scalar]}" for scalar in signature.scalars]
    parameters = [*states, f"const {TYPES[exported.gradient]} *{names[signature.gradient]}", *sizes, *scratch, *scalars]
    functions = [
        comment(paragraphs(exported, names, summary, formula, arguments)),
        declared("void", symbol, parameters),
    ]
    if scratch:
        returns = f"Return the number of doubles in the workspace of {symbol}."
        functions += ["", comment([returns]), declared("int64_t", workspace_symbol(symbol), sizes)]
    machine = f"{processor.triple}, {processor.name or 'any CPU'}"
    machine += f" with {processor.features}" if processor.features else ""
    return HEADER.format(
        comment=comment([f"Written by fusedstep {__version__} export; compiled for {machine}."]),
        guard=f"{symbol.upper()}_H",
        functions="\n".join(functions),
    )


def declared(returns: str, symbol: str, arguments: Sequence[str]) -> str:
    """A function's declaration."""
    return textwrap.fill(f"{returns} {symbol}({', '.join(arguments)});", WIDTH, subsequent_indent="    ")


def paragraphs(
    exported: Exported, names: Mapping[str, str], summary: str, formula: str, arguments: Mapping[str, str]
) -> list[str]:
    """The description of a function and of its arguments."""
    program = exported.program
    signature, extents = program.signature, extents_of(program)
    arrays, storages = [*signature.states, signature.gradient], [*exported.storages, exported.gradient]
    changed = [name for name, changes in zip(signature.states, program.changed, strict=True) if changes]
    bits = [f"{names[name]} {storage}" for name, storage in zip(arrays, storages, strict=True) if "16" in storage]
    kinds = list(zip(signature.states, program.kinds, strict=True))
    shorter = [f"{names[state]} has one number for each {kind}." for state, kind in kinds if kind != "element"]
    workspace = {"workspace": f"memory for as many doubles as {workspace_symbol(exported.symbol)} returns."}
    own = EXTENTS[extents] | (workspace if program.reduction_scope == ReductionScope.TENSOR else {})
    of_arrays, of_scalars = (
        {names[name]: arguments[name] for name in some if name in arguments} for some in (arrays, signature.scalars)
    )
    meanings = of_arrays | own | of_scalars
    return [
        f"One step of the rule {signature.name}: {summary}".removesuffix(": "),
        formula,
        f"Changed in place: {', '.join(names[name] for name in changed)}. The arrays must not overlap.",
        *shorter,
        *[f"Held as bits: {', '.join(bits)}."] * bool(bits),
        "Scalars are evaluated in double, once in each call. Rules with exp, log, powers, floor, ceil or % need the"
        " mathematical library (-lm). Several threads may call the function at the same time, each on its own arrays.",
        "\n".join(f"{', '.join(same)}: {meaning}" for meaning, same in groupby(meanings, meanings.__getitem__)),
    ]


def comment(paragraphs: Iterable[str]) -> str:
    """Paragraphs as a C comment."""
    lines: list[str] = []
    for paragraph in filter(None, paragraphs):
        lines.append("")
        for line in paragraph.replace("*/", "* /").replace("/*", "/ *").splitlines():
            lines += textwrap.wrap(line, WIDTH - 3, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["/*", *(f" * {line}".rstrip() for line in lines[1:]), " */"])


def c_names(program: Program) -> dict[str, str]:
    """The name of each of the rule's arguments in C: the same as in the rule, if that is valid in C."""
    signature = program.signature
    found: dict[str, str] = {}
    for name in (*signature.states, signature.gradient, *signature.scalars):
        c_name = plain(name)
        while is_taken(c_name) or c_name in {*found.values(), *extents_of(program), "workspace"}:
            c_name += "_"
        found[name] = c_name
    return found
