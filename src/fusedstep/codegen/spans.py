"""Writes the span words of ``loops/cpu/span_words.py`` for one rule and its storage types."""

from collections.abc import Sequence

from .storage import ITEM_BYTES, compute_type, converter

CACHE_LINE = 64
# Beyond so many lines of a row the hardware's own prefetcher has caught on.
LINES = 16


def gradient_words(gradient: str, compute: str, half: str) -> dict[str, str]:
    """The words that read gradients; they need no rule."""
    load = converter(gradient, half)
    stored = f"for i in range(spare.size):\n        spare[i] = from_{load}(gradient[i])\n    return spare"
    return {
        "loaded": f"(gradient, spare):\n    {'return gradient' if gradient == compute else stored}",
        "copy": f"(sums, gradient):\n    for i in range(sums.size):\n        sums[i] = from_{load}(gradient[i])",
        "add": f"(sums, gradient):\n    for i in range(sums.size):\n        sums[i] += from_{load}(gradient[i])",
        "fetch_gradient": f"(gradient, start, width):\n{fetch('gradient', 'start', gradient, writes=0)}",
    }


def fetch(array: str, start: str, storage: str, writes: int) -> str:
    """Prefetches the first lines of a row."""
    line = CACHE_LINE // ITEM_BYTES[storage]
    return (
        f"    for column in range(0, min(width, {LINES * line}), {line}):\n"
        f"        prefetch({array}, {start} + column, {writes})"
    )


def state_words(storages: Sequence[str], gradient: str, half: str) -> dict[str, str]:
    """The words that walk the states and run the rule."""
    numbers = range(len(storages))
    converters = [converter(storage, half) for storage in storages]
    loads = ", ".join(f"from_{converters[k]}(spans[{k}][i])" for k in numbers)
    stores = "\n".join(f"        spans[{k}][i] = to_{converters[k]}(new[{k}])" for k in numbers)
    views = ", ".join(f"states[{k}][row * pitches[{k}] : row * pitches[{k}] + (stop - row) * width]" for k in numbers)
    fetches = "\n".join(fetch(f"states[{k}]", f"row * pitches[{k}]", storages[k], writes=1) for k in numbers)

    def step(arguments: str, value: str) -> str:
        return (
            f"({arguments}):\n    for i in range(spans[0].size):\n"
            f"        new = rule({loads}, {value}, scalars)\n{stores}"
        )

    return {
        "part": f"(states, pitches, row, stop, width):\n    return ({views},)",
        "unbroken": "(pitches, width):\n    return " + " and ".join(f"pitches[{k}] == width" for k in numbers),
        "update": step("spans, gradient, scalars", f"from_{converter(gradient, half)}(gradient[i])"),
        "update_by_sums": step("spans, sums, scalars", "sums[i]"),
        "idle": step("spans, scalars", f"np.{compute_type(storages[0])}(0)"),
        "fetch": f"(states, pitches, row, width):\n{fetches}",
    }
