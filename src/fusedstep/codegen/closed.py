"""Writes the span words of loops that defer rows: the history of scalars, and the closed form of skipped steps."""

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..rules.idle import Idle
from .program import Program
from .signature import Signature
from .spans import Spans, indented
from .storage import compute_type
from .translate import translate
from .values import local

# What loops are told where a rule has no closed form: it never serves.
NO_CLOSED_FORM = {
    "totals_at": "(totals, held, kept, moved):\n    return (compute(0),)",
    "serves": "(spans, scalars):\n    return False",
    "rest": "(spans, scalars):\n    pass",
}


def history_words(count: int) -> dict[str, str]:
    """The words of a history in which a step comes to so many numbers."""
    numbers = "".join(f"history[step, {k}], " for k in range(count))
    return {
        "remembered": f"(history, step):\n    return ({numbers})",
        "fetch_last": "(lasts, row):\n    prefetch(lasts, row, 1)",
    }


def scalars_of(name: str, arguments: Sequence[str], numbers: Sequence[str]) -> str:
    """The function that evaluates what is computed from scalars alone."""
    return "\n".join(
        [f"def {name}({', '.join(arguments)}):", "    return (", *(f"        {n}," for n in numbers), "    )"]
    )


def closed_program(idle: Idle, program: Program, switches: tuple[tuple[str, bool], ...]) -> Program:
    """A closed form, translated; states that the rule's ``program`` leaves out are left out."""
    parameters = inspect.signature(idle.states).parameters
    scalars = (*idle.kept_totals, *idle.moved_totals, *idle.held)
    none: frozenset[str] = frozenset()
    signature = Signature(idle.states.__name__, idle.takes, "grad", scalars, {}, {}, none, none, may_refuse=True)
    known = {name: value for name, value in switches if name in parameters}
    translation = translate(idle.states, signature, known)
    used = program.signature.states
    results = [each for name, each in zip(idle.takes, translation.results, strict=True) if name in used]
    return Program(replace(signature, states=used), replace(translation, results=results))


def condition_of(program: Program) -> list[str]:
    """The condition on which a translated closed form serves an element, if there is one."""
    found = program.translation.condition
    return [ast.unparse(found.node)] if found else []


@dataclass(frozen=True)
class Closed:
    """Writes the words of a closed form.

    Attributes:
        idle: the closed form.
        program: the same, translated.
        rule: what writes the words of its rule.
    """

    idle: Idle
    program: Program
    rule: Spans

    def words(self) -> dict[str, str]:
        """The words by name, as the text behind ``def NAME``."""
        spans, zero = replace(self.rule, program=self.program), f"np.{compute_type(self.rule.storages[0])}(0)"
        test = f"served &= {spans.call('closed', 0, zero, 'i')}[-1]"
        tested = ["served = True", "for i in range(spans[0].size):", f"    {test}", "return served"]
        return {
            "totals_at": f"(totals, held, kept, moved):\n    return scalars_of_totals({self.totals})",
            "serves": "\n".join(["(spans, scalars):", *indented(tested if self.condition else ["return True"])]),
            "rest": "\n".join(["(spans, scalars):", *indented(spans.elements(zero, "closed"))]),
        }

    @property
    def condition(self) -> list[str]:
        """The condition on which the closed form serves an element, if there is one."""
        return condition_of(self.program)

    @property
    def totals(self) -> str:
        """The totals since a step, in the order of ``functions``."""
        kept = len(self.idle.kept_totals)
        places = [f"totals[{k}, kept]" for k in range(kept)]
        places += [f"totals[{kept + k}, moved]" for k in range(len(self.idle.moved_totals))]
        return ", ".join([*places, *(f"held[{k}]" for k in range(len(self.idle.held)))])

    @property
    def functions(self) -> list[str]:
        """What is evaluated once a row, and the closed form of an element."""
        program = self.program
        names = [local(name) for name in program.signature.scalars]
        results = [*program.new(program.by_element), *self.condition]
        return [
            scalars_of("scalars_of_totals", names, program.translation.numbers),
            program.function("closed", 0, results),
        ]
