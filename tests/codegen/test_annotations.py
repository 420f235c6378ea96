"""A state is by row or by column however its annotation is spelled: all of this file's are strings."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NewType, Optional

import numpy as np
import pytest

import fusedstep as fs
import fusedstep.words
from fusedstep import words
from fusedstep.codegen.rule.signature import read_signature
from fusedstep.words import PerColumn, PerRow

if TYPE_CHECKING:
    from decimal import Decimal as Hidden

Row = PerRow
Noted = Annotated[PerRow, "a note"]
Named = NewType("Named", PerRow)
Quoted = Annotated["PerRow", "a note"]

BY_ROW = {
    "PerRow": PerRow,
    "words.PerRow": words.PerRow,
    "fs.words.PerRow": fs.words.PerRow,
    "fusedstep.words.PerRow": fusedstep.words.PerRow,
    "fs.rules.words.PerRow": fs.rules.words.PerRow,
    "Row": Row,
    "Noted": Noted,
    "Quoted": Quoted,
    "Named": Named,
    "Annotated[np.ndarray, PerRow]": Annotated[np.ndarray, PerRow],
    "Optional[PerRow]": Optional[PerRow],  # noqa: UP045 - an older spelling is meant
    "PerRow | None": PerRow | None,
    "'PerRow'": "PerRow",
    "typing.Union[Row, None]": typing.Union[Row, None],  # noqa: UP007
    "spelled.PerRow": "spelled.PerRow",
}
BY_ELEMENT = {
    "Any": Any,
    "np.ndarray": np.ndarray,
    "Annotated[Any, 'not PerRow']": Annotated[Any, "not PerRow"],
    "typing.Literal['PerRow']": typing.Literal["PerRow"],
    "a number an element": "a number an element",
}


def annotated(annotation: Any) -> Callable[..., Any]:
    def rule(var: Any, state: Any, grad: Any) -> tuple[Any, Any]:
        return var - grad, state + words.row_sum(grad)

    rule.__annotations__["state"] = annotation
    return rule


@pytest.mark.parametrize("annotation", [*BY_ROW, *BY_ROW.values()], ids=str)
def test_every_spelling_says_by_row(annotation: Any) -> None:
    signature = read_signature(annotated(annotation))
    assert (signature.per_row, signature.per_column) == ({"state"}, set())


@pytest.mark.parametrize("annotation", [*BY_ELEMENT, *BY_ELEMENT.values()], ids=str)
def test_other_annotations_say_neither(annotation: Any) -> None:
    signature = read_signature(annotated(annotation))
    assert (signature.per_row, signature.per_column) == (set(), set())


def test_annotations_of_this_file() -> None:
    across = PerColumn

    def rule(
        var: Hidden, state: words.PerRow, other: across, m: Hidden, grad: Any, *, twice: Annotated[bool, "a switch"]
    ) -> tuple[Any, ...]:
        assert across is not None
        return var, state, other, m

    signature = read_signature(rule)
    assert signature.per_row == {"state"}
    assert signature.per_column == {"other"}
    assert signature.switches == {"twice": False}


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("Table[PerRow]", r"rule rule: the annotation of state, 'Table\[PerRow\]', cannot be evaluated"),
        ("Nowhere | PerColumn", "cannot be evaluated where the rule is defined, .* import the names in it there"),
        ("Hidden", "'Hidden', cannot be evaluated where the rule is defined, and it may mean PerRow or PerColumn"),
        (Annotated["hidden.Row", "a note"], "'hidden.Row', cannot be evaluated"),  # noqa: F821
        ("PerRow | PerColumn", "rule rule: state is annotated PerRow and PerColumn; expected one of them"),
    ],
)
def test_what_cannot_be_told_is_refused(annotation: str, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        read_signature(annotated(annotation))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a statement of Python 3.12")
def test_a_type_statement() -> None:
    names: dict[str, Any] = {"PerRow": PerRow}
    exec("type Mine = PerRow | None", names)  # noqa: S102
    assert read_signature(annotated(names["Mine"])).per_row == {"state"}


def test_a_step_by_row_under_another_name() -> None:
    var, state, grad = np.ones((2, 3)), np.zeros(2), np.full((2, 3), 0.5)
    fs.Operator(by_row)(var, state, grad)
    assert state.tolist() == [1.5, 1.5]


def by_row(var: Any, state: words.PerRow, grad: Any) -> tuple[Any, Any]:
    return var - grad, words.per_row(state, var) + words.row_sum(grad)
