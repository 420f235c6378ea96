"""Writes the pages that the catalogue and the rules tell all of: one an operator, one a rule, and their tables."""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from fusedstep import rules
from fusedstep.codegen.rule.signature import read_signature
from fusedstep.mindspore.nn import optim
from fusedstep.operators import catalogue
from fusedstep.operators.docstrings import description
from fusedstep.operators.rule_code import code
from fusedstep.porting.differences import differences
from fusedstep.porting.findings import Way
from fusedstep.porting.lookup import find

FOLDERS = ("operators", "rules")
LIBRARIES = ("MindSpore", "TensorFlow", "torch")
CODE_WIDTH = 90


def pages() -> dict[str, str]:
    """The text of each page by its file."""
    return {
        "operators/index.rst": operators(),
        "operators/differences.rst": where_others_differ(),
        "rules/index.rst": all_rules(),
        **{f"operators/{entry.name}.rst": operator(entry) for entry in catalogue.ENTRIES},
        **{f"rules/{name}.rst": rule(name) for name in rules.__all__},
    }


def write(folder: Path) -> None:
    """Writes the pages that are new or changed, and removes those of what is no more."""
    texts = {folder / name: text for name, text in pages().items()}
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
        for path in set((folder / name).iterdir()) - texts.keys():
            path.unlink()
    for path, text in texts.items():
        # Sphinx reads a page again whose file is newer.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def operator(entry: catalogue.Entry) -> str:
    """The page of an operator."""
    name = entry.rule.__name__
    alike = [other.name for other in catalogue.ENTRIES if other.rule is entry.rule and other is not entry]
    return page(
        entry.name,
        f".. autoclass:: fusedstep.ops.{entry.name}",
        titled("The rule", "-"),
        f"What runs is :doc:`/rules/{name}`" + (f", as in {documents('operators', alike)}:" if alike else ":"),
        python(code(entry.rule, CODE_WIDTH)),
        f"``fusedstep ops {entry.name} --source`` prints the kernel that it becomes.",
    )


def rule(name: str) -> str:
    """The page of a rule."""
    function = getattr(rules, name)
    named = [entry.name for entry in catalogue.ENTRIES if entry.rule is function]
    runs = f"``fusedstep.Operator(fusedstep.rules.{name})`` runs it"
    return page(
        name,
        f".. autofunction:: fusedstep.rules.{name}",
        titled("The code", "-"),
        python(code(function, CODE_WIDTH)),
        f"{runs}, and so does each of {documents('operators', named)}." if named else f"{runs}.",
    )


def operators() -> str:
    """The table of all operators."""
    return page(
        "Operators",
        "The operators under their documented names, ``fusedstep.ops.NAME``. A *dense* one takes a gradient of the "
        "variable's shape, most of them with ``indices=`` one of single rows as well. The others take gradients of "
        "single rows, and step with the *touched* rows only, or with *every* row. See also "
        ":doc:`where others differ <differences>`.",
        table(
            ("Operator", "Rows", "What it does"),
            (
                (
                    documents("operators", [entry.name]),
                    entry.rows or "dense",
                    cell(entry.summary, f"Rule {documents('rules', [entry.rule.__name__])}, {states(entry.rule)}."),
                )
                for entry in catalogue.ENTRIES
            ),
        ),
        contents(["differences", *(entry.name for entry in catalogue.ENTRIES)]),
    )


def all_rules() -> str:
    """The table of all rules."""
    named: dict[str, list[str]] = {}
    for entry in catalogue.ENTRIES:
        named.setdefault(entry.rule.__name__, []).append(entry.name)
    return page(
        "Rules",
        "Each is a plain Python function, ``fusedstep.rules.NAME``: called with NumPy arrays it is its own reference, "
        "and ``fusedstep.Operator`` runs it as a kernel on dense and sparse gradients.",
        table(
            ("Rule", "What it is"),
            (
                (
                    documents("rules", [name]),
                    cell(
                        description(getattr(rules, name).__doc__).summary,
                        f"With {states(getattr(rules, name))}."
                        + (f" Operators: {documents('operators', named[name])}." if name in named else ""),
                    ),
                )
                for name in rules.__all__
            ),
        ),
        contents(rules.__all__),
    )


def where_others_differ() -> str:
    """The table of what the originals compute, operator by operator, where it is something else."""
    differing = [entry for entry in catalogue.ENTRIES if entry.differs]
    return page(
        "Where others differ",
        "Operators compute what is documented. Where a library computes something else under the same name, it is "
        "said here; where trained settings may rest on the difference, the operator has an option for it.",
        table(
            ("Operator", *LIBRARIES),
            (
                (documents("operators", [entry.name]), *(escaped(entry.differs.get(name, "")) for name in LIBRARIES))
                for entry in differing
            ),
            ":class: sentences\n   :widths: 22 30 24 24",
        ),
        titled("Optimizers", "-"),
        "Those of :doc:`fusedstep.mindspore.nn </mindspore>` run the same rules, and MindSpore's the operators above.",
        table(
            ("Optimizer", "MindSpore"),
            ((f"``nn.{name}``", escaped(told)) for name, told in where_optimizers_differ().items()),
            ":class: sentences\n   :widths: 22 78",
        ),
    )


def where_optimizers_differ() -> dict[str, str]:
    """What MindSpore's optimizers compute where it is something else."""
    found = {name: find(f"mindspore.nn.{name}") for name in sorted(optim.__all__)}
    told = {name: differences(each, Way.BESIDE) for name, each in found.items() if each and each.kind == "optimizer"}
    return {name: sentence for name, sentence in told.items() if sentence}


def escaped(sentence: str) -> str:
    """A sentence of the catalogue, in which | and * are magnitudes and products."""
    return re.sub(r"(``.*?``)|([|*])", lambda found: found[1] or f"\\{found[2]}", sentence)


def escape_differences(lines: list[str]) -> None:
    """Does the same to a docstring, in place."""
    lines[:] = [escaped(line) if re.match(r"Where \w+ differs: ", line) else line for line in lines]


def page(title: str, *parts: str) -> str:
    """A page of a title and the parts below."""
    return "\n\n".join([titled(title, "="), *parts]) + "\n"


def titled(title: str, line: str) -> str:
    """A title, underlined."""
    return f"{title}\n{line * len(title)}"


def python(text: str) -> str:
    """A block of code."""
    return ".. code-block:: python\n\n" + textwrap.indent(text, "   ")


def documents(folder: str, names: Iterable[str]) -> str:
    """Links to pages."""
    return ", ".join(f":doc:`{name} </{folder}/{name}>`" for name in names)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], options: str = ":widths: auto") -> str:
    """A table with one row of heads."""
    lines = [
        "\n".join(f"   {'*' if number == 0 else ' '} - {cell}".rstrip() for number, cell in enumerate(row))
        for row in (heads, *rows)
    ]
    return "\n".join([f".. list-table::\n   :header-rows: 1\n   {options}\n", *lines])


def cell(*paragraphs: str) -> str:
    """Paragraphs in one cell of a table."""
    return "\n\n       ".join(paragraphs)


def states(rule: Callable[..., Any]) -> str:
    """The names of a rule's states."""
    return "states " + ", ".join(f"``{name}``" for name in read_signature(rule).states)


def contents(names: Iterable[str]) -> str:
    """The pages below this one, for the sidebar."""
    return ".. toctree::\n   :hidden:\n\n" + "\n".join(f"   {name}" for name in names)
