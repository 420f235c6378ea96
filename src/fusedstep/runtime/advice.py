"""What an operator does by itself for gradients that name most rows, and says so once."""

_advised: set[str] = set()


def mostly_touched(operator: str, distinct: int, rows: int) -> bool:
    """Whether so many rows are named that a pass over all of them in the order of memory is faster; said once an
    operator."""
    if rows == 0 or 2 * distinct < rows:
        return False
    if operator not in _advised:
        _advised.add(operator)
        # Imported here: processes that only step are to start fast.
        import logging

        logging.getLogger("fusedstep").debug(
            "%s: a gradient names %d of %d rows, so all are gone through in the order of memory, as in a dense step; "
            "if that is so at each step, and all rows may take it, a dense gradient (PyTorch: sparse=False) is faster",
            operator,
            distinct,
            rows,
        )
    return True
