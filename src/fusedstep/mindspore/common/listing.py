"""Tensors in print, to the letter as MindSpore prints them."""

from typing import Any

import numpy as np

# Of a long dimension three entries are shown at either end.
ENDS = 3
LONG = 2 * ENDS
LONG_ALONE = 1000

FLOATS = ("float16", "float32", "float64", "bfloat16")
# Format and width of an element; other types are as wide as the widest that is shown.
FIXED = {"float16": (".4e", 11), "float32": (".8e", 15), "float64": (".8e", 15), "bool": ("", 5)}
PER_LINE = {"float16": 12, "float32": 12, "float64": 12, "bool": 12}
PER_LINE_OTHERS = 24


def listing(array: np.ndarray) -> str:
    """What stands behind ``value=``.

    Args:
        array: the elements.

    >>> listing(np.array([[1, -20], [3, 4]]))
    '\\n[[  1, -20],\\n [  3,   4]]'
    """
    lead = "\n" if array.ndim > 1 else " "
    if array.size == 0:
        return lead
    if array.ndim == 0:
        return lead + word(array[()], "g" if array.dtype.name in FLOATS else "")
    limit = LONG_ALONE if array.ndim == 1 else LONG
    long = [length > limit for length in array.shape]
    shown = [
        np.r_[:ENDS, length - ENDS : length] if cut else np.arange(length)
        for length, cut in zip(array.shape, long, strict=True)
    ]
    words = formatted(array[np.ix_(*shown)])
    if array.ndim == 1 and not long[0]:
        return f"{lead}[{wrapped(words.tolist(), PER_LINE.get(array.dtype.name, PER_LINE_OTHERS))}]"
    return lead + nested(words, long, 1)


def formatted(array: np.ndarray) -> np.ndarray:
    """The words for elements, of one width, in an array of the same shape."""
    name = array.dtype.name
    form, width = FIXED.get(name, ("g" if name in FLOATS else "", 0))
    words = [word(element, form) for element in array.flat]
    width = width or max(map(len, words))
    result = np.empty(len(words), object)
    result[:] = [each.rjust(width) for each in words]
    return result.reshape(array.shape)


def word(element: Any, form: str) -> str:
    """The word for one element."""
    if not form:
        return str(element)
    text = format(float(element), form)
    return "-nan" if text == "nan" and np.signbit(element) else text


def wrapped(words: list[str], per_line: int) -> str:
    """The elements of a lone dimension; the line breaks after each full one, be it the last."""
    last = len(words) - 1
    return "".join(
        each + ("" if place == last else ", ") + ("\n " if (place + 1) % per_line == 0 else "")
        for place, each in enumerate(words)
    )


def nested(words: np.ndarray, long: list[bool], depth: int) -> str:
    """The elements of several dimensions, row by row."""
    if words.ndim == 1:
        if long[0]:
            return f"[{', '.join(words[:ENDS])} ... {', '.join(words[ENDS:])}]"
        return f"[{', '.join(words)}]"
    parts = [nested(part, long[1:], depth + 1) for part in words]
    indent = "\n" + " " * depth
    if long[0]:
        parts[ENDS - 1 : ENDS + 1] = [f"{parts[ENDS - 1]},{indent}...{indent}{parts[ENDS]}"]
    return f"[{f',{indent}'.join(parts)}]"
