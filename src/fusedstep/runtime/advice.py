"""The advice for gradients that name most rows, logged once per operator."""

_advised: set[str] = set()


def mostly_touched(operator: str, distinct: int, rows: int) -> bool:
    """Return whether so many rows are named that a pass over all rows in memory order is faster. Log it once."""
    if rows == 0 or 2 * distinct < rows:
        return False
    if operator not in _advised:
        _advised.add(operator)
        # Imported here so that processes that only step start fast.
        import logging

        logging.getLogger("fusedstep").debug(
            "%s: a gradient names %d of %d rows, so the step visits all rows in memory order, like a dense step; "
            "if every step does so, and all rows may take it, a dense gradient (PyTorch: sparse=False) is faster",
            operator,
            distinct,
            rows,
        )
    return True
