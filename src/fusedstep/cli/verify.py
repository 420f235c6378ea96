"""``fusedstep verify``: checks every operator on this machine."""

import argparse
import time
from functools import partial
from pathlib import Path

from ..operators import catalogue
from ..runtime.cpu.cpus import usable_cpus
from ..storage import STORAGES
from ..verify.arguments import dtypes
from ..verify.operators import verify
from ..verify.report import Report
from ..verify.results import THREADS
from ..verify.workers import outcomes
from . import machine
from .extras import MissingExtraError
from .options import add_types, file_to_write, thread_count
from .output import show
from .progress import progress
from .subjects import operator

EPILOG = """
rule: results are those of the rule on NumPy arrays, bit for bit where IEEE 754 defines them, on every number of
threads, and memory around the arrays is unchanged. calls: invalid calls are refused without changing memory, and
unusual valid calls succeed. golden: results are those of MindSpore, TensorFlow and PyTorch. The first run compiles on
all CPUs, and caches the code. The exit status is 1 if a check failed.
"""
# More packages that results depend on.
PACKAGES = ("llvmlite", "ml_dtypes")
PRINTED = Path("-")
LEFT_OUT = "its NumPy arrays need ml_dtypes, not installed here"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("operators", nargs="*", type=operator, metavar="NAME", help="operators to check (default: all)")
    add_types(parser, "--dtype", list(STORAGES), "in which types, of {types} (default: all)")
    add("--processes", type=thread_count, default=usable_cpus(), metavar="N", help="how many (default: %(default)s)")
    add("--json", type=json_file, metavar="FILE", help="write versions, CPU and all results to a file; - prints them")


def json_file(text: str) -> Path:
    """Parse the name of a file to write; ``-`` is standard output."""
    return PRINTED if text == str(PRINTED) else file_to_write(text)


def run(options: argparse.Namespace) -> int:
    """Check, then print and write the report."""
    report = verified(options)
    show(report.as_json() if options.json == PRINTED else report.as_text())
    if options.json not in (None, PRINTED):
        options.json.write_text(report.as_json(), encoding="utf-8")
    return 0 if report.passed else 1


def verified(options: argparse.Namespace) -> Report:
    """Check the chosen operators."""
    began = time.perf_counter()
    names = list(dict.fromkeys(options.operators)) or [entry.name for entry in catalogue.ENTRIES]
    types = tuple(name for name in STORAGES if name in options.dtype and name in dtypes())
    if not types:
        raise MissingExtraError(f"'fusedstep verify' can check none of these types: {LEFT_OUT}")
    with progress(len(names)) as advance:
        found = {}
        for outcome in outcomes(by_rule(names), partial(verify, chosen=types), options.processes):
            found[outcome.name] = outcome
            advance(outcome.name, 1)
    described = machine.description()
    return Report(
        machine=described["machine"],
        versions=described["versions"] | {name: machine.version(name) for name in PACKAGES},
        types=types,
        left_out={name: LEFT_OUT for name in STORAGES if name in options.dtype and name not in dtypes()},
        threads=THREADS,
        seconds=time.perf_counter() - began,
        outcomes=tuple(found[name] for name in names),
    )


def by_rule(names: list[str]) -> list[list[str]]:
    """Names grouped by rule, since kernels are compiled for each rule; large groups first."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(catalogue.OPERATORS[name].entry.rule.__name__, []).append(name)
    return sorted(groups.values(), key=len, reverse=True)
