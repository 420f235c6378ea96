"""``fusedstep port``: tells what of a MindSpore program's optimizer part is served, line by line."""

import argparse
import sys
from pathlib import Path

from ..porting.json_report import as_json
from ..porting.program import Program
from ..porting.reader import read
from ..porting.report import text
from ..porting.verdicts import judge
from .output import show

EPILOG = """
The files are read, never run, and MindSpore is not needed. They are taken as one program; modules that they import are
not read. Exit status: 0 if everything of the optimizer part is served, 1 if not, 2 if a file cannot be read.
"""
REFUSED = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE.py", help="the files of a program for MindSpore")
    add("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Read the files, and print what is said of them."""
    programs = [read_or_refuse(Path(file)) for file in options.files]
    if not all(programs):
        return REFUSED
    judgement = judge(program for program in programs if program)
    show(as_json(judgement) if options.json else text(judgement))
    return 0 if judgement.is_complete else 1


def read_or_refuse(file: Path) -> Program | None:
    """Read a program, or print why that cannot be done."""
    try:
        return read(file)
    except OSError as error:
        reason = f"{file} cannot be read: {error.strerror}"
    except SyntaxError as error:
        reason = f"{file}:{error.lineno or 1}: {error.msg}; expected a program for Python 3"
    except ValueError as error:
        reason = f"{file}:1: {error}; expected the text of a program"
    except (RecursionError, MemoryError):
        reason = f"{file}:1: its expressions are nested too deeply"
    print(f"fusedstep port: {reason}", file=sys.stderr)
    return None
