"""The arguments section of a docstring."""

import re


def arguments_of(docstring: str) -> dict[str, str]:
    """The meaning of each argument, from the ``Args:`` of a docstring without indentation; several may share one.

    >>> arguments_of("Scales.\\n\\nArgs:\\n    low, high: the ends,\\n        as numbers.\\n")
    {'low': 'the ends, as numbers.', 'high': 'the ends, as numbers.'}
    """
    section = re.split(r"^Args:\n", docstring, maxsplit=1, flags=re.MULTILINE)[-1]
    entries = re.findall(r"^    ([\w, *]+):(.*(?:\n {5,}.*)*)", re.split(r"\n(?=\S)", section)[0], re.MULTILINE)
    return {name.strip("* "): " ".join(text.split()) for names, text in entries for name in names.split(",")}
