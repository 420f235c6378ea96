"""Whether arrays may share memory, by where they begin and end."""

from collections.abc import Sequence

import numpy as np

from ..arrays.address import address_of


def may_overlap(states: Sequence[np.ndarray], gradient: np.ndarray) -> bool:
    """Whether the stretches of memory of any two of the arrays meet; those between rows count."""
    stretches = sorted((address_of(each), each.nbytes) for each in (*states, gradient))
    end = 0
    for start, size in stretches:
        if start < end and size:
            return True
        end = max(end, start + size)
    return False
