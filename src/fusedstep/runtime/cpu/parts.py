"""In which parts work is cut, and on how many threads it pays."""

from .threads import get_num_threads

# Below this many elements to a thread, handing work over costs more than it saves.
ELEMENTS_PER_THREAD = 400_000
# Memory does not serve all cores alike at all times: where there is much to do, a faster thread takes more parts.
ELEMENTS_PER_PART = 4_000_000
# To go to a row somewhere in memory takes as long as so many elements one after another.
ELEMENTS_PER_ROW = 64
# The step of such a row takes as long as adding so many gradients to a sum.
STEP_COST = 12


def threads_for(elements: int) -> int:
    """How many threads pay for so many elements."""
    return max(1, min(get_num_threads(), elements // ELEMENTS_PER_THREAD))


def is_for_one_thread(elements: int) -> bool:
    """Whether so few elements pay for no second thread, however many there are."""
    return elements < 2 * ELEMENTS_PER_THREAD


def number_of_parts(elements: int, threads: int) -> int:
    """How many parts so many elements are cut into."""
    return 1 if threads == 1 else threads * max(1, elements // (threads * ELEMENTS_PER_PART))


def parts(rows: int, width: int, threads: int) -> list[tuple[int, int]]:
    """Cut rows into parts, one a thread or more."""
    number = number_of_parts(rows * width, threads)
    return [(rows * part // number, rows * (part + 1) // number) for part in range(number)]
