"""How work is cut into parts, and how many threads it justifies."""

from .threads import threads_here

# With fewer elements per thread, starting a second thread costs more than it saves.
ELEMENTS_PER_THREAD = 400_000
# Memory may be slower for some cores: in large calls, a faster thread takes more parts.
ELEMENTS_PER_PART = 4_000_000
# Access to a random row takes as long as this many consecutive elements.
ELEMENTS_PER_ROW = 64
# The step of such a row takes as long as adding this many gradients to a sum.
STEP_COST = 12


def threads_for(elements: int) -> int:
    """The number of threads for a number of elements."""
    return max(1, min(threads_here(), elements // ELEMENTS_PER_THREAD))


def is_for_one_thread(elements: int) -> bool:
    """Return whether the elements are too few for a second thread."""
    return elements < 2 * ELEMENTS_PER_THREAD


def number_of_parts(elements: int, threads: int) -> int:
    """The number of parts for a number of elements."""
    return 1 if threads == 1 else threads * max(1, elements // (threads * ELEMENTS_PER_PART))


def parts(rows: int, width: int, threads: int) -> list[tuple[int, int]]:
    """Cut rows into parts, at least one per thread."""
    number = number_of_parts(rows * width, threads)
    return [(rows * part // number, rows * (part + 1) // number) for part in range(number)]
