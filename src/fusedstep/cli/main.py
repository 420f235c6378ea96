"""The command ``fusedstep``: runs the file of a subcommand."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from .. import __version__
from ..codegen.compile_notice import silence
from .extras import MissingExtraError

# A subcommand is the file of its name in this folder, with ``add_options(parser)`` and ``run(options) -> int``.
COMMANDS = {
    "bench": "time the operators on this machine, beside PyTorch's optimizers",
    "demo": "train a classifier of handwritten digits with several optimizers and compare them",
    "export": "write a rule's step as an object file and a C header, for this processor or another",
    "ops": "list the operators and rules, explain one, or print its kernel",
    "port": "tell what of a MindSpore program's optimizer part is served, line by line",
    "verify": "check every operator on this machine: results, refusals, and results of other libraries",
    "warmup": "compile kernels ahead of their first call",
}
INTERRUPTED = 130
REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        arguments: the command line without the program's name; by default that of this process.

    Returns:
        The exit status: 0, 1 after a failure, 2 if something is missing, 130 after Ctrl-C.
    """
    silence()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parse(words)
        return int(options.run(options))
    except MissingExtraError as missing:
        print(f"fusedstep: {missing}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the command line; only the file of its subcommand is imported."""
    parser = argparse.ArgumentParser(
        prog="fusedstep", description="Optimizer update operators, compiled from plain Python rules."
    )
    parser.add_argument("--version", action="version", version=f"fusedstep {__version__}")
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subcommand = subcommands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in words[:1]:
            module = importlib.import_module(f".{name}", __package__)
            module.add_options(subcommand)
            subcommand.set_defaults(run=module.run)
    return parser.parse_args(words)
