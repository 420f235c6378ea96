"""Where the gradient row of an index lies."""

from .memory import int64s


def gradient_row_at(sources_at: int, gradient: int, gradient_row: int, position: int) -> int:
    """The address of the gradient row of the index at a position.

    Args:
        sources_at: the address of the addresses of all gradient rows, for gradients of bags; else 0.
        gradient, gradient_row: the address of the gradient, and the bytes of one of its rows.
        position: the position of the index.
    """
    if sources_at:
        return int(int64s(sources_at)[position])
    return gradient + position * gradient_row


def bag_sources(offsets_at: int, bags: int, count: int, gradient: int, gradient_row: int, sources_at: int) -> None:
    """Write the address of the gradient row of each of ``count`` indices; ``offsets_at`` says where bags begin."""
    offsets, sources = int64s(offsets_at), int64s(sources_at)
    for bag in range(bags):
        stop = offsets[bag + 1] if bag + 1 < bags else count
        for position in range(offsets[bag], stop):
            sources[position] = gradient + bag * gradient_row
