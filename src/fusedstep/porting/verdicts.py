"""Judges each use of a MindSpore name in programs: served, not served, or MindSpore's own."""

from collections.abc import Iterable, Iterator
from typing import Any

from . import arguments, settings
from .findings import ANY_WAY, NO_WAY, Finding, Judgement, Kind, Verdict, Way
from .lookup import Found, find
from .neighbours import unread
from .program import Attribute, Dynamic, InstanceCall, Program, Use
from .unserved import part_of

ALONE = frozenset({Way.ALONE})
BESIDE = frozenset({Way.BESIDE})
LEAVE_OUT = "Leave it out, or keep MindSpore's."
CORRECT = "Correct the call, or keep MindSpore's."
UNTOLD = "The name is known only when the program runs."


def judge(programs: Iterable[Program]) -> Judgement:
    """Judge the files of one program together."""
    programs = list(programs)
    findings: list[Finding] = []
    for program in programs:
        found = [
            *of_uses(program),
            *of_modes(program),
            *of_calls(program),
            *of_attributes(program),
            *of_dynamic(program),
        ]
        findings += sorted(dict.fromkeys(found), key=lambda each: (each.line, each.column))
    return Judgement([program.file for program in programs], findings, unread(programs))


def of_uses(program: Program) -> Iterator[Finding]:
    """What is said of uses of names."""
    for use in program.uses:
        found = find(use.name)
        if settings.is_setting(use):
            yield from of_setting(program, use, found)
        elif found is None:
            yield of_missing(program, use)
        elif found.kind != "module" and not settings.is_graph_mode(use):
            yield of_found(program, use, found)


def of_setting(program: Program, use: Use, found: Found | None) -> Iterator[Finding]:
    """What is said of a setting: it counts beside MindSpore alone."""
    closes = ANY_WAY if settings.PARALLEL.fullmatch(use.name) else BESIDE
    yield from objected(program, use, settings.objections(program, use), closes)
    if found is None:
        yield finding(program, use, Kind.OTHER, closes=ALONE)


def of_modes(program: Program) -> Iterator[Finding]:
    """What is said of a mode that a program names, and that reading does not follow to where it is set."""
    for use in settings.graph_mode_perhaps(program):
        told = {"reason": f"Perhaps it is set: {settings.MODE}", "remedy": settings.MODE_REMEDY}
        yield finding(program, use, Kind.SETTING, Verdict.CHECK, **told)


def objected(
    program: Program, use: Use | Attribute, objections: Iterable[settings.Objection], closes: frozenset[Way]
) -> Iterator[Finding]:
    """What is said of a setting to which something is objected."""
    for each in objections:
        verdict = Verdict.NOT_SERVED if each.certain else Verdict.CHECK
        told = {"reason": each.reason, "remedy": each.remedy, "closes": closes if each.certain else NO_WAY}
        yield finding(program, use, Kind.SETTING, verdict, **told)


def of_missing(program: Program, use: Use) -> Finding:
    """What is said of a name that ``fusedstep.mindspore`` does not have."""
    part = part_of(use.name)
    if part is None:
        return finding(program, use, Kind.OTHER, closes=ALONE)
    return finding(program, use, Kind.OPTIMIZER, reason=part.reason, remedy=part.remedy, closes=ANY_WAY)


def of_found(program: Program, use: Use, found: Found) -> Finding:
    """What is said of a name that ``fusedstep.mindspore`` has: what is asked of it decides."""
    kind = Kind(found.kind)
    wrong = list(lacking(program, use, found))
    if wrong:
        closes = ALONE if kind is Kind.SUPPORT else ANY_WAY
        remedy = LEAVE_OUT if found.missing else CORRECT
        return finding(program, use, kind, reason=f"{'; '.join(wrong)}.", remedy=remedy, closes=closes)
    return finding(program, use, kind, Verdict.SERVED, path=found.path, named=arguments.named(use.call))


def lacking(program: Program, use: Use, found: Found) -> Iterator[str]:
    """What a use asks for and what is found does not have."""
    name = f"fusedstep's {found.path.rpartition('.')[2]}"
    if found.missing:
        yield f"{name} has no {found.missing}"
    elif use.call is not None:
        yield from arguments.problems(name, found.thing, use.call)
        if found.kind == "optimizer":
            given = program.arguments(use.call)
            for each in arguments.problems_of_groups(given.get(0, given.get("params", frozenset()))):
                yield f"{name}: {each}"


def of_calls(program: Program) -> Iterator[Finding]:
    """What is said of calls of operators that were constructed."""
    for each in program.calls:
        found = find(each.owner)
        if found is not None and found.kind == "operator" and not found.missing:
            wrong = list(arguments.problems_of_step(each.text, found.thing, each.call))
            remedy = f"'fusedstep ops {found.thing.__name__}' describes its arguments."
            if wrong:
                told: dict[str, Any] = {"reason": f"{'; '.join(wrong)}.", "remedy": remedy}
                yield finding(program, each, Kind.OPERATOR, closes=ANY_WAY, **told)


def of_attributes(program: Program) -> Iterator[Finding]:
    """What is said of attributes of optimizers. Beside MindSpore they have those of its own."""
    for each in program.attributes:
        found = find(each.owner)
        if found is None or found.kind != "optimizer" or found.missing:
            continue
        if each.name == "target" and each.stored:
            yield from objected(program, each, settings.device(each.stored), ANY_WAY)
        elif each.stored is None and each.name not in arguments.attributes_of(found.thing):
            reason = f"fusedstep's {found.thing.__name__} has no {each.name}."
            yield finding(program, each, Kind.ATTRIBUTE, reason=reason, remedy=LEAVE_OUT, closes=ALONE)


def of_dynamic(program: Program) -> Iterator[Finding]:
    """What is said of names that are known only when the program runs."""
    for each in program.dynamic:
        if holds_steps(each.module):
            remedy = "See which names it may be."
            yield finding(program, each, Kind.OPTIMIZER, Verdict.UNKNOWN, reason=UNTOLD, remedy=remedy, closes=ANY_WAY)


def holds_steps(module: str) -> bool:
    """Whether a module of MindSpore provides operators or optimizers."""
    found = find(module)
    if found is None or found.kind != "module":
        return part_of(module) is not None
    inner = [find(f"{module}.{name}") for name in vars(found.thing)]
    return any(each is not None and each.kind in ("operator", "optimizer") for each in inner)


def finding(
    program: Program,
    use: Use | Attribute | InstanceCall | Dynamic,
    kind: Kind,
    verdict: Verdict = Verdict.NOT_SERVED,
    **told: Any,
) -> Finding:
    """A finding about a use."""
    name = use.name if isinstance(use, Use) else use.module if isinstance(use, Dynamic) else use.owner
    return Finding(program.file, use.line, use.column, use.text, name, kind, verdict, **told)
