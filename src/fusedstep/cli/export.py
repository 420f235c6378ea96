"""``fusedstep export``: writes a rule's step as an object file and a C header."""

import argparse
import time
from collections.abc import Callable
from typing import Any

from ..codegen.cpu.c_header import header, is_free
from ..codegen.cpu.compiler import host
from ..codegen.cpu.exported import exported_code
from ..codegen.cpu.exported_arguments import Exported
from ..codegen.cpu.symbols import plain
from ..codegen.cpu.targets import processor_of
from ..codegen.rule.program import Program
from ..codegen.rule.signature import read_signature
from ..codegen.rule.spec import program_of
from ..operators.docstrings import description
from ..storage import STORAGES, compute_type
from .options import add_types, folder_to_write
from .subjects import rule_of

EPILOG = """
Writes NAME.o and NAME.h with one function. It takes the addresses of the states and of the gradient, the number of
elements, and the rule's scalars as doubles. For a rule with sums of columns or of the whole tensor it also takes memory
for the sums; a second function returns how much. It needs neither Python nor fusedstep, and computes the same bits as
fusedstep.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("rule", type=rule_of, metavar="RULE", help="a rule of fusedstep.rules, or FILE.py:NAME for your own rule")
    add("--target", metavar="TRIPLE", help="the kind of machine, such as riscv64-linux-gnu (default: this one's)")
    add("--cpu", default="", metavar="NAME", help="the CPU, as clang's -mcpu (default: any of the kind)")
    add("--features", default="", metavar="LIST", help="instructions beyond the CPU's, as +f16c,+bmi2")
    add_types(parser, "--states", ["float32"], "the type of all states, or of each, of {types} (default: float32)")
    add("--gradient", choices=STORAGES, metavar="TYPE", help="the gradient's type (default: the first state's)")
    switches = "the rule's switches, as nesterov=true"
    add("--switch", nargs="+", type=switch, default=[], metavar="NAME=TRUTH", help=switches)
    add("--name", type=c_name, help="the name of the function and of both files (default: fusedstep_RULE)")
    add("--output", type=folder_to_write, default=".", metavar="DIR", help="where to write (default: this folder)")
    parser.set_defaults(refuse=parser.error)


def switch(text: str) -> tuple[str, bool]:
    """Parse a switch and its setting."""
    name, _, value = text.partition("=")
    if value not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected NAME=true or NAME=false")
    return name, value == "true"


def c_name(text: str) -> str:
    """Parse the name of a C function."""
    if plain(text) != text or not text or text[0].isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}, expected up to 40 letters, digits and _, no digit first")
    if not is_free(text):
        raise argparse.ArgumentTypeError(f"{text!r}, which has another meaning in C or C++; choose another name")
    return text


def run(options: argparse.Namespace) -> int:
    """Write both files, and print their names."""
    rule, began = options.rule, time.perf_counter()
    try:
        program = switched(rule, dict(options.switch))
        storages, gradient = types_of(program, options.states, options.gradient)
        processor = processor_of(options.target or host().triple, options.cpu, options.features)
        symbol = options.name or f"fusedstep_{plain(program.signature.name)}"
    except (TypeError, ValueError) as error:
        options.refuse(str(error))
    exported = Exported(program, tuple(storages), gradient, symbol, processor)
    code = exported_code(exported)
    files = {f"{symbol}.o": code, f"{symbol}.h": described_header(rule, exported).encode()}
    try:
        for name, content in files.items():
            (options.output / name).write_bytes(content)
    except OSError as error:
        options.refuse(f"{error.filename!r} cannot be written: {error.strerror}; name another folder with --output")
    print(
        f"{' and '.join(str(options.output / name) for name in files)}: {len(code):,} bytes of code for "
        f"{processor.triple}, after {(time.perf_counter() - began) * 1000:.0f} ms"
    )
    return 0


def described_header(rule: Callable[..., Any], exported: Exported) -> str:
    """The header of an exported function, described by the rule's docstring."""
    described = description(rule.__doc__)
    return header(exported, described.summary, "\n".join(described.formula), described.arguments)


def switched(rule: Callable[..., Any], switches: dict[str, Any]) -> Program:
    """The program of a rule with its switches set."""
    known = [*read_signature(rule).switches, "maximize"]
    unknown = [name for name in switches if name not in known]
    if unknown:
        raise ValueError(f"--switch {unknown[0]}: {rule.__name__} has no such switch; it has {', '.join(known)}")
    return program_of(rule, tuple(sorted({**read_signature(rule).switches, **switches}.items())))


def types_of(program: Program, states: list[str], gradient: str | None) -> tuple[list[str], str]:
    """The storage type of each state, and of the gradient.

    Raises:
        ValueError: no operator takes this combination.
    """
    names = program.signature.states
    if len(states) not in (1, len(names)):
        raise ValueError(
            f"--states: {len(states)} types for the states {', '.join(names)}; give one for all, or one for each"
        )
    storages = states * len(names) if len(states) == 1 else states
    if len({compute_type(storage) for storage in storages}) > 1:
        raise ValueError(
            f"--states {' '.join(states)}: float64 cannot be combined with another type; give one type for all"
        )
    gradient = gradient or storages[0]
    if gradient not in (storages[0], compute_type(storages[0])):
        raise ValueError(
            f"--gradient {gradient}: beside a {storages[0]} {names[0]} it is {storages[0]}"
            + (f" or {compute_type(storages[0])}" if storages[0] != compute_type(storages[0]) else "")
        )
    return storages, gradient
