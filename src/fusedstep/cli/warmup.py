"""``fusedstep warmup``: compiles kernels ahead of their first call."""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import product

from ..codegen.compile_notice import silence
from ..codegen.cpu.disk_cache import cache_folder
from ..operators import catalogue
from ..operators.operator import Operator
from ..runtime.cpu.cpus import usable_cpus
from ..runtime.cpu.loops import COMPILED, prepare_bags, prepare_grouping, prepare_loops, prepare_together
from ..storage import compute_type
from ..verify.arguments import made
from . import torch_warmup
from .extras import require
from .options import add_types, thread_count
from .progress import progress
from .subjects import Subject, subject

EPILOG = """
An operator is compiled at its first call with a combination of types, in tens of milliseconds once the loops that all
rules share are compiled, and cached. This command compiles many operators before, for states and gradients of one type,
and for deferred rows.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.epilog = EPILOG
    parser.set_defaults(refuse=parser.error)
    add = parser.add_argument
    add("subjects", nargs="*", type=subject, metavar="NAME", help="operators and rules (default: all operators)")
    add("--torch", action="store_true", help="compile only what the optimizers of fusedstep.torch run")
    add_types(parser, "--dtype", ["float32"], "for which types, of {types} (default: float32)")
    add("--processes", type=thread_count, default=usable_cpus(), metavar="N", help="how many (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Compile, and print the folder of the cache."""
    if options.torch and options.subjects:
        options.refuse("--torch compiles all optimizers; leave out the names of operators")
    if options.torch:
        require("fusedstep warmup --torch", "torch", {"torch": "torch"})
    tasks = list(optimizer_tasks(options.dtype) if options.torch else kernel_tasks(options.subjects, options.dtype))
    began = time.perf_counter()
    # Shared by all processes, and compiled only once.
    for dtype in options.dtype:
        prepare_grouping(dtype, compute_type(dtype))
        prepare_bags(dtype, compute_type(dtype))
    if options.torch:
        prepare_together()
    for loop in {loop for each in options.subjects for loop in operator_of(each).loops} or COMPILED:
        prepare_loops(loop)
    # Spawned: a fork would inherit the memory of a process that has compiled.
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(min(options.processes, len(tasks)), context, silence) as pool,
        progress(len(tasks)) as advance,
    ):
        running = {pool.submit(task): label for label, task in tasks}
        ready = 0
        for done in as_completed(running):
            ready += done.result()
            advance(running[done], 1)
    what = "optimizers" if options.torch else "kernels"
    print(f"{what} ready: {ready}, after {time.perf_counter() - began:.0f} s; cached in {cache_folder()}")
    return 0


def kernel_tasks(subjects: list[Subject], dtypes: list[str]) -> Iterator[tuple[str, Callable[[], int]]]:
    """Tasks for the kernels of operators and rules: one for each rule, since its operators share code."""
    names: dict[str, list[str]] = {}
    for each in subjects or [subject(entry.name) for entry in catalogue.ENTRIES]:
        names.setdefault(each.rule.__name__, []).append(each.entry.name if each.entry else each.rule.__name__)
    for rule, its in names.items():
        yield rule, partial(compile_kernels, its, dtypes)


def operator_of(chosen: Subject) -> Operator:
    """The operator of a subject, with default switches; kernels do not depend on the numbers of a constructor."""
    return made(chosen.entry.name) if chosen.entry else Operator(chosen.rule)


def compile_kernels(names: Iterable[str], dtypes: Iterable[str]) -> int:
    """Compile the kernels of operators and rules that are not cached; return the number of all kernels."""
    ready = 0
    for operator in (operator_of(subject(name)) for name in names):
        states = sum(map(bool, operator.spec.kinds))
        for dtype, loop in product(dtypes, operator.loops):
            operator.compile(loop, (dtype,) * states, dtype)
            ready += 1
    return ready


def optimizer_tasks(dtypes: list[str]) -> Iterator[tuple[str, Callable[[], int]]]:
    """Tasks for the kernels of PyTorch optimizers."""
    for name in torch_warmup.names():
        for dtype in dtypes:
            yield f"{name} {dtype}", partial(torch_warmup.take_steps, name, dtype)
