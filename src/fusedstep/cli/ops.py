"""``fusedstep ops``: lists the operators and rules, explains one, or prints its kernel."""

import argparse
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import rules
from ..codegen.cpu.listing import listing as listing_of
from ..codegen.recipe import Recipe
from ..codegen.rule.program import ReductionScope
from ..codegen.rule.signature import read_signature
from ..operators import catalogue
from ..operators.docstrings import description, merged
from ..operators.operator import Operator
from ..operators.rule_code import code, fold
from ..runtime.cpu.loops import DEFERRED_ROWS, LOOPS
from ..storage import STORAGES
from .output import show
from .sources import SOURCES
from .subjects import Subject, subject

WIDTH = 80
INDENT = "  "
WIDEST_TERM = 20
# Arguments with the same meaning for all operators.
SHARED = {
    "indices": "integers in an array, list or range, in any order: the row of the variable for each of the gradient.",
    "rows": 'with indices: which rows take the step, "touched" (those named) or "every".',
    "step": "with stochastic rounding: the number of the step.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("subject", nargs="?", type=subject, metavar="NAME", help="an operator or a rule to explain")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--source", action="store_true", help="print only the generated source of NAME")
    shown.add_argument("--asm", action="store_true", help="print only its assembly for this CPU")
    add(
        "--loop",
        choices=[*LOOPS.values(), DEFERRED_ROWS],
        help="with --source and --asm: the loop (default: the operator's, or dense)",
    )
    add(
        "--dtype",
        choices=STORAGES,
        default="float32",
        help="with --source and --asm: the type of arrays (default: %(default)s)",
    )
    add("--backend", choices=SOURCES, default="cpu", help="with --source: the backend (default: %(default)s)")
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace) -> int:
    """Print the list, an explanation or a kernel."""
    chosen: Subject | None = options.subject
    if sys.flags.optimize > 1 and not (options.source or options.asm):
        print(
            "fusedstep: python -OO removes docstrings, which contain most of this text; run it without -OO",
            file=sys.stderr,
        )
    if chosen is None:
        if options.source or options.asm:
            options.refuse("--source and --asm need the NAME of an operator or rule")
        show(listing())
    elif options.asm:
        if options.backend != "cpu":
            options.refuse(f"--asm shows the CPU's code; for {options.backend} use --source")
        show(listing_of(recipe(options), assembly=True).rstrip())
    elif options.source:
        if options.loop and options.backend == "jax":
            options.refuse(f"--loop {options.loop}: JAX runs a rule on whole arrays, without loops; leave out --loop")
        show(SOURCES[options.backend](recipe(options)).rstrip())
    elif chosen.entry is None:
        show(explained_rule(chosen.rule))
    else:
        show(explained_operator(chosen.entry))
    return 0


def recipe(options: argparse.Namespace) -> Recipe:
    """The recipe of an operator's kernel with default options, or of a rule's on a dense gradient."""
    rule, entry = options.subject
    operator, rows = Operator(rule), None
    if entry is not None:
        # Arguments without a default are numbers, and kernels do not depend on numbers.
        needed = [each.name for each in catalogue.constructor(entry).parameters.values() if each.default is each.empty]
        operator, rows = catalogue.OPERATORS[entry.name](**dict.fromkeys(needed, 0.0)), entry.rows
    spec = operator.spec
    loop = options.loop or LOOPS[rows]
    if spec.reduction_scope == ReductionScope.TENSOR:
        if options.loop:
            options.refuse(f"--loop {options.loop}: {rule.__name__} adds up more than rows, and has only one loop")
        loop = "whole_tensor"
    types = (options.dtype,) * len(spec.used), options.dtype
    closed_form = operator.closed_form if loop == DEFERRED_ROWS else None
    return Recipe(spec, *types, loop=loop, closed_form=closed_form)


def listing() -> str:
    """All operators under their rules, then the rules that have none."""
    families: dict[Callable[..., Any], list[catalogue.Entry]] = {}
    for entry in catalogue.ENTRIES:
        families.setdefault(entry.rule, []).append(entry)
    longest = max(len(entry.name) for entry in catalogue.ENTRIES)
    parts = [
        wrapped(
            f"{len(catalogue.ENTRIES)} operators, fusedstep.ops.NAME, each under its rule, fusedstep.rules.NAME, "
            "and the states that both update."
        ),
        terms({"dense": "every element", "touched": "the rows of the indices", "every": "all rows"}),
    ]
    for rule, entries in families.items():
        lines = [f"  {entry.name:{longest}}  {entry.rows or 'dense'}" for entry in entries]
        parts.append("\n".join([heading(rule), *lines]))
    without = [rule for name in rules.__all__ if (rule := getattr(rules, name)) not in families]
    if without:
        parts += [wrapped("Rules without a documented operator: fusedstep.Operator(fusedstep.rules.NAME)")]
        parts += map(heading, without)
    parts.append("More of one: fusedstep ops NAME; its kernel: fusedstep ops NAME --source")
    return "\n\n".join(parts)


def heading(rule: Callable[..., Any]) -> str:
    """A rule's name, states and summary."""
    signature = read_signature(rule)
    return f"{signature.name} ({', '.join(signature.states)})\n" + wrapped(description(rule.__doc__).summary, "  ")


def explained_operator(entry: catalogue.Entry) -> str:
    """Everything about an operator."""
    documented, rule = description(catalogue.OPERATORS[entry.name].__doc__), read_signature(entry.rule)
    arguments = SHARED | documented.arguments
    constructor, call = catalogue.constructor(entry), catalogue.call(entry)
    alike = [other.name for other in catalogue.ENTRIES if other.rule is entry.rule and other is not entry]
    return sections(
        {
            f"fusedstep.ops.{entry.name}": wrapped(entry.summary),
            **formula(entry.rule),
            "Construct": f"{call_of(f'step = fusedstep.ops.{entry.name}', str(constructor)[1:-1])}\n"
            + meanings(constructor, arguments),
            "Call": f"{call_of('step', str(call)[1:-1])}\n{meanings(call, arguments)}\n"
            + states_and_returns(
                [entry.documented(name) for name in rule.states if name not in entry.creates], documented.returns
            ),
            "Where others differ": terms(entry.differs),
            "Example": example(entry.example),
            "Source": wrapped(description(entry.rule.__doc__).source),
            "See also": wrapped(", ".join([f"rule {entry.rule.__name__}", *alike])),
        }
    )


def explained_rule(rule: Callable[..., Any]) -> str:
    """Everything about a rule."""
    described, signature = description(rule.__doc__), read_signature(rule)
    switches = "".join(f", {name}={value}" for name, value in signature.switches.items())
    scalars = [f"{name}={signature.defaults.get(name, '...')}" for name in signature.scalars]
    run_by = [entry.name for entry in catalogue.ENTRIES if entry.rule is rule]
    returned = states_and_returns(signature.states, "the states, the same objects.")
    return sections(
        {
            f"fusedstep.rules.{signature.name}": wrapped(described.summary),
            **formula(rule),
            "Run": f"{call_of('step = fusedstep.Operator', f'fusedstep.rules.{signature.name}{switches}')}\n"
            + call_of("step", ", ".join([*signature.states, "grad, indices=None, rows='touched'", *scalars])),
            "Arguments": f"{terms(merged(described.arguments))}\n{returned}",
            "Example": example(described.example),
            "Source": wrapped(described.source),
            "Operators": wrapped(", ".join(run_by)),
        }
    )


def formula(rule: Callable[..., Any]) -> dict[str, str]:
    """What a rule computes, as mathematics and as code."""
    described = description(rule.__doc__)
    lines = [wrapped(line, hanging="    ") for line in described.formula]
    return {
        "Formula": "\n".join([*lines, *("\n" + wrapped(note) for note in described.notes)]),
        "Code": code(rule, WIDTH - len(INDENT)),
    }


def meanings(signature: inspect.Signature, arguments: Mapping[str, str]) -> str:
    """The meaning of each argument of a signature, in order."""
    shown = {name: arguments.get(name, "").removeprefix("at construction: ") for name in signature.parameters}
    return terms(merged(shown))


def states_and_returns(states: Iterable[str], returns: str) -> str:
    """Which arguments are states, and what a step returns."""
    return wrapped(f"States, updated in place: {', '.join(states)}. Returns: {returns[:1].lower()}{returns[1:]}")


def example(doctest: str) -> str:
    """A doctest in lines that fit."""
    lines = []
    for line in doctest.strip().splitlines():
        prompt = line[:4] if line.startswith((">>> ", "... ")) else ""
        first, *rest = fold(line[4:], WIDTH - len(INDENT) - len(prompt)) if prompt else [line]
        lines += [prompt + first, *(f"... {each}" for each in rest)]
    return "\n".join(lines)


def call_of(name: str, arguments: str) -> str:
    """A call, on several lines if it is long."""
    return textwrap.fill(
        f"{name}({arguments})",
        WIDTH - len(INDENT),
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def sections(parts: Mapping[str, str]) -> str:
    """Titles with their texts, indented; empty ones are left out."""
    return "\n\n".join(f"{title}\n{textwrap.indent(text, INDENT)}" for title, text in parts.items() if text)


def terms(meanings: Mapping[str, str]) -> str:
    """Terms in one column, their meanings in another."""
    column = max((len(name) for name in meanings if len(name) <= WIDEST_TERM), default=0) + 2
    lines = []
    for name, meaning in meanings.items():
        text = wrapped(meaning, " " * column)
        lines.append(name + text[len(name) :] if len(name) <= WIDEST_TERM else f"{name}\n{text}".rstrip())
    return "\n".join(lines)


def wrapped(text: str, indent: str = "", hanging: str = "") -> str:
    """A paragraph in lines that fit."""
    return textwrap.fill(
        text,
        WIDTH - len(INDENT),
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
