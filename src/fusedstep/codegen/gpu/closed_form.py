"""Writes the span words of loops that defer rows, on a device: see ``codegen/rule/closed_form.py``."""

from ...storage import compute_type
from ..module_text import indented
from ..rule.closed_form import condition_of
from ..rule.program import Program
from .expressions import rewritten
from .tiles import Tiles

ROWS = "states, row_strides, row, present, width, scalars, COLUMNS"
# A rule without closed form: it is never valid.
NO_CLOSED_FORM = {
    "totals_at": "(table, stride, step, present):\n    return (step,)",
    "closed_form_valid": f"({ROWS}):\n    return present & (row < 0)",
    "apply_closed_form": f"({ROWS}):\n    pass",
}


def history_words(count: int) -> dict[str, str]:
    """The words of a history with so many numbers for each step."""
    numbers = "".join(f"tl.load(history + (step * {count} + {k})), " for k in range(count))
    return {"load_scalars": f"(history, step):\n    return ({numbers})"}


def closed_words(tiles: Tiles) -> dict[str, str]:
    """The words of a closed form, as the text behind ``def NAME``.

    Args:
        tiles: what writes its steps: the tiles of the closed form as a program.
    """
    program = tiles.program
    totals = "".join(f"load(table + ({k} * stride + step), present), " for k, _ in enumerate(program.numbers))
    zero = f"tl.zeros((row.shape[0], COLUMNS), tl.{compute_type(tiles.storages[0])})"
    valid = [
        "valid = present",
        *tiles.over_columns(
            zero,
            [
                f"element_valid = {tiles.call('closed', 0, tiles.places)}[{len(program.by_element)}] | ~here",
                "valid = valid & (tl.min(element_valid.to(tl.int32), axis=1, keep_dims=True) > 0)",
            ],
        ),
        "return valid",
    ]
    steps = tiles.over_columns(zero, tiles.elements("closed", tiles.places, tiles.number))
    return {
        "totals_at": f"(table, stride, step, present):\n    return ({totals})",
        "closed_form_valid": "\n".join(
            [f"({ROWS}):", *indented(valid if condition_of(program) else ["return present"])]
        ),
        "apply_closed_form": "\n".join([f"({ROWS}):", *indented(steps)]),
    }


def closed_function(program: Program) -> str:
    """The closed form of an element, in Triton's words."""
    return rewritten(program.function("closed", 0, [*program.new(program.by_element), *condition_of(program)]))
