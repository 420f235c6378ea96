"""The span words, which a loop calls. They are replaced by the operations of one rule and its storage types."""

from typing import Any, NoReturn


def update(states: Any, elements: Any, gradient: Any, here: Any, scalars: Any) -> None:
    """Load, apply the rule, store: a step of elements that are at the same place in all states."""
    woven()


def tensors_at(addresses: Any, aligned: Any) -> Any:
    """The states, and the gradient, of some addresses in memory; ``aligned`` if all are multiples of 16."""
    woven()


def update_rows(
    states: Any, row_strides: Any, row: Any, present: Any, gradient: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """A step of whole rows, each with its own row of the gradient."""
    woven()


def update_rows_by_sums(
    states: Any, row_strides: Any, row: Any, present: Any, sums: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """A step of whole rows, each with the segment sum of its gradients."""
    woven()


def idle_rows(states: Any, row_strides: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any) -> None:
    """A step of whole rows with a zero gradient."""
    woven()


def rows_at(addresses: Any, row: Any, width: Any, aligned: Any) -> Any:
    """The states as pointers to rows, and their row strides, which are 0; the addresses of states lie in memory."""
    woven()


def gradient_at(address: Any, width: Any) -> Any:
    """The rows of the gradient at some addresses, which are multiples of 16 if the bytes of a row are."""
    woven()


def load_gradient(places: Any, here: Any) -> Any:
    """Load gradients in the compute type."""
    woven()


def run_launches(
    first_launch: Any,
    last_launch: Any,
    states: Any,
    row_strides: Any,
    gradient: Any,
    sums: Any,
    matrices: Any,
    first_matrix: Any,
    stop_matrix: Any,
    first_row: Any,
    stop_row: Any,
    row_block: Any,
    row_blocks: Any,
    rows: Any,
    elements: Any,
    width: Any,
    scalars: Any,
    programs: Any,
    tile_rows: Any,
    columns: Any,
) -> None:
    """Run some launches on some rows of some matrices: compute the program's partial sums, or the new states."""
    woven()


def word_maximum(x: Any, y: Any) -> Any:
    """The larger of two numbers; NaN if one of them is NaN."""
    woven()


def largest(x: Any, axis: Any, keep_dims: Any) -> Any:
    """The largest number along an axis; NaN if one of them is NaN."""
    woven()


def load_scalars(history: Any, step: Any) -> Any:
    """Load the numbers of a step from the history."""
    woven()


def totals_at(table: Any, stride: Any, step: Any, present: Any) -> Any:
    """Load the numbers of the closed form since the last step of each row."""
    woven()


def closed_form_valid(
    states: Any, row_strides: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any
) -> Any:
    """Whether the closed form is valid for all elements of a row."""
    woven()


def apply_closed_form(
    states: Any, row_strides: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """Apply all pending steps by the closed form."""
    woven()


def woven() -> NoReturn:
    raise NotImplementedError("span words are defined in woven kernels only")
