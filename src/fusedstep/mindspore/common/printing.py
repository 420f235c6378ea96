"""The text of tensors, exactly as MindSpore prints it."""

from typing import Any

import numpy as np

# A longer dimension shows only its first and its last EDGE entries. One-dimensional tensors have another limit.
EDGE = 3
MAX_LENGTH = 2 * EDGE
MAX_LENGTH_1D = 1000

FLOATS = ("float16", "float32", "float64", "bfloat16")
# Format and width of an element; other types are as wide as their widest element.
FORMATS = {"float16": (".4e", 11), "float32": (".8e", 15), "float64": (".8e", 15), "bool": ("", 5)}
PER_LINE = {"float16": 12, "float32": 12, "float64": 12, "bool": 12}
PER_LINE_DEFAULT = 24


def array_text(array: np.ndarray) -> str:
    """The text after ``value=``.

    Args:
        array: the elements.

    >>> array_text(np.array([[1, -20], [3, 4]]))
    '\\n[[  1, -20],\\n [  3,   4]]'
    """
    lead = "\n" if array.ndim > 1 else " "
    if array.size == 0:
        return lead
    if array.ndim == 0:
        return lead + element_text(array[()], "g" if array.dtype.name in FLOATS else "")
    limit = MAX_LENGTH_1D if array.ndim == 1 else MAX_LENGTH
    shortened = [length > limit for length in array.shape]
    shown = [
        np.r_[:EDGE, length - EDGE : length] if is_shortened else np.arange(length)
        for length, is_shortened in zip(array.shape, shortened, strict=True)
    ]
    texts = element_texts(array[np.ix_(*shown)])
    if array.ndim == 1 and not shortened[0]:
        return f"{lead}[{wrapped(texts.tolist(), PER_LINE.get(array.dtype.name, PER_LINE_DEFAULT))}]"
    return lead + nested(texts, shortened, 1)


def element_texts(array: np.ndarray) -> np.ndarray:
    """The texts of the elements, padded to one width, in an array of the same shape."""
    name = array.dtype.name
    spec, width = FORMATS.get(name, ("g" if name in FLOATS else "", 0))
    texts = [element_text(element, spec) for element in array.flat]
    width = width or max(map(len, texts))
    result = np.empty(len(texts), object)
    result[:] = [each.rjust(width) for each in texts]
    return result.reshape(array.shape)


def element_text(element: Any, spec: str) -> str:
    """The text of one element."""
    if not spec:
        return str(element)
    text = format(float(element), spec)
    return "-nan" if text == "nan" and np.signbit(element) else text


def wrapped(texts: list[str], per_line: int) -> str:
    """The elements of a one-dimensional tensor, with a line break after each full line, also after the last."""
    last = len(texts) - 1
    return "".join(
        each + ("" if place == last else ", ") + ("\n " if (place + 1) % per_line == 0 else "")
        for place, each in enumerate(texts)
    )


def nested(texts: np.ndarray, shortened: list[bool], depth: int) -> str:
    """The elements of several dimensions in nested brackets."""
    if texts.ndim == 1:
        if shortened[0]:
            return f"[{', '.join(texts[:EDGE])} ... {', '.join(texts[EDGE:])}]"
        return f"[{', '.join(texts)}]"
    parts = [nested(part, shortened[1:], depth + 1) for part in texts]
    indent = "\n" + " " * depth
    if shortened[0]:
        parts[EDGE - 1 : EDGE + 1] = [f"{parts[EDGE - 1]},{indent}...{indent}{parts[EDGE]}"]
    return f"[{f',{indent}'.join(parts)}]"
