"""The report of a program, as text for a terminal."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .differences import differences
from .findings import Finding, Judgement, Kind, Verdict, Way
from .lookup import find

WIDTH = 80
INDENT = " " * 8
NAME = 24
STEPS = (Kind.OPERATOR, Kind.OPTIMIZER)
WAYS = {
    Way.BESIDE: (
        "Beside MindSpore (PyNative mode, on the CPU): import only the optimizers from fusedstep.mindspore.nn, and "
        "operators from fusedstep.ops. They take MindSpore's own parameters, tensors and schedules; all else stays "
        "MindSpore's."
    ),
    Way.ALONE: (
        "Without MindSpore: write fusedstep.mindspore for mindspore in all imports. Tensors are NumPy arrays, and "
        "there is no automatic differentiation."
    ),
}


def text(judgement: Judgement) -> str:
    """The report as text."""
    parts = [table(judgement, file) for file in judgement.files]
    return "\n\n".join(filter(None, [*parts, section_of_differences(judgement), summary(judgement), ways(judgement)]))


def table(judgement: Judgement, file: str) -> str:
    """The lines of one file that concern the optimizer part."""
    rows = [each for each in judgement.rows if each.file == file]
    if not rows:
        return f"{file}\n{INDENT}nothing of the optimizer part"
    column = min(max(len(shown(each)) for each in rows), NAME)
    return "\n".join([file, *(row(each, judgement.becomes(each), column, more) for each, more in once(rows))])


def once(rows: Iterable[Finding]) -> Iterator[tuple[Finding, list[int]]]:
    """The rows, with the further lines of what optimizers need: each name of these stands once."""
    rows = list(rows)
    first: dict[Any, list[int]] = {}
    for each in rows:
        first.setdefault(subject(each), []).append(each.line)
    for each in rows:
        lines = first.get(subject(each), [])
        if not is_support(each):
            yield each, []
        elif lines:
            yield each, sorted(set(lines[1:]) - {each.line})
            lines.clear()


def is_support(finding: Finding) -> bool:
    """Whether it is what optimizers need, and served."""
    return finding.kind is Kind.SUPPORT and finding.verdict is Verdict.SERVED


def subject(finding: Finding) -> tuple[str, bool]:
    """What rows of one name have in common."""
    return finding.path, is_support(finding)


def row(finding: Finding, becomes: str, column: int, more: list[int]) -> str:
    """One line of the table; below it the reason."""
    name = shown(finding)
    name = name if len(name) <= column else f"{name}\n{INDENT}{'':{column}}"
    line = f"{finding.line:6}  {name:{column}}  {finding.verdict.value:10}  {becomes}".rstrip()
    if more:
        line += "\n" + wrapped(f"also in {lines_of(more)}")
    explained = f"{finding.reason} {finding.remedy}".strip()
    return f"{line}\n{wrapped(explained)}" if explained else line


def shown(finding: Finding) -> str:
    """What is written there, on one line."""
    return " ".join(finding.text.split())


def lines_of(numbers: list[int]) -> str:
    """Numbers of lines in words."""
    return f"line{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def different(judgement: Judgement) -> dict[str, str]:
    """Where MindSpore's operators and optimizers differ, by their labels."""
    found = {label(each): find(each.name) for each in judgement.rows if each.path and each.kind in STEPS}
    told = {name: differences(each, judgement.way) for name, each in found.items() if each is not None}
    return {name: sentence for name, sentence in sorted(told.items()) if sentence}


def label(finding: Finding) -> str:
    """An operator or optimizer by its name in MindSpore: both have an Adam and an SGD."""
    return f"{'nn' if finding.kind is Kind.OPTIMIZER else 'ops'}.{finding.short}"


def section_of_differences(judgement: Judgement) -> str:
    """Where MindSpore computes something else, and which lines set an argument of which this depends."""
    found = different(judgement)
    if not found:
        return ""
    lines = ["Where MindSpore differs from what fusedstep computes"]
    for name, sentence in found.items():
        words: dict[str, Finding] = {}
        for each in judgement.rows:
            for word in each.named if label(each) == name else ():
                if re.search(rf"\b{word}\b", sentence):
                    words.setdefault(word, each)
        told = "".join(f" {place(each)} sets {word}." for word, each in words.items())
        lines += [f"  {name}", wrapped(sentence[0].upper() + sentence[1:] + told)]
    return "\n".join(lines)


def place(finding: Finding) -> str:
    """Where a use stands, in words."""
    return f"{Path(finding.file).name}:{finding.line}"


def summary(judgement: Judgement) -> str:
    """How many uses are served, and what stays MindSpore's."""
    rows = judgement.rows
    counts = Counter(each.verdict for each in rows)
    if not judgement.has_optimizer_part:
        lines = [wrapped("No optimizer part: nothing has to change.", "")]
    else:
        told = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
        lines = [wrapped(f"Optimizer part: {', '.join(told)}.", "")]
    stays = judgement.staying
    if stays:
        names = [name for name, _ in Counter(stays).most_common()]
        some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        lines.append(
            wrapped(
                f"Stay MindSpore's: {plural(len(names), 'other name')} in {plural(len(stays), 'place')} ({some}), "
                "which are not of the optimizer part.",
                "",
            )
        )
    if judgement.unread:
        lines.append(wrapped(f"Not read: {', '.join(judgement.unread)}. They name MindSpore; name them here too.", ""))
    return "\n".join(lines)


def ways(judgement: Judgement) -> str:
    """How to run the program on fusedstep."""
    if not judgement.has_optimizer_part:
        return ""
    chosen = judgement.way
    told = [wrapped(WAYS[chosen], "")]
    if chosen is Way.ALONE:
        told.append(beside(judgement))
    elif any(each.kind is Kind.OTHER for each in judgement.findings):
        told.append(wrapped("Without MindSpore it does not run: it needs what stays MindSpore's.", ""))
    else:
        told.append(wrapped("Without MindSpore it does not run:", ""))
        told += [wrapped(f"{place(each)}: {each.text}. {each.reason}") for each in judgement.hindrances]
    return "\n".join(told)


def beside(judgement: Judgement) -> str:
    """What a program that runs without MindSpore needs to run beside it."""
    against = sorted({place(each) for each in judgement.obstacles if Way.BESIDE in each.closes})
    if against:
        return wrapped(f"Beside MindSpore it does not run so: see {', '.join(against)}.", "")
    lines = sorted({place(each) for each in judgement.obstacles})
    check = f" Check {', '.join(lines)} before." if lines else ""
    return wrapped(WAYS[Way.BESIDE] + check, "")


def plural(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}{'s' * (number != 1)}"


def wrapped(sentence: str, indent: str = INDENT) -> str:
    """A paragraph in lines that fit."""
    return textwrap.fill(
        sentence,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
