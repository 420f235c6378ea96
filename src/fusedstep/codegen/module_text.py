"""The text of modules that are woven for devices and for XLA."""

from collections.abc import Iterable, Sequence

BANNER = "Generated from a rule, a loop and the words of a compiler. Its name is the SHA-256 of this text."


def module(title: str, *parts: str) -> str:
    """The text of a module from its parts."""
    return "\n\n\n".join([f'"""fusedstep kernel: {title}.\n\n{BANNER}\n"""\n\nfrom typing import Any', *parts]) + "\n"


def scalars_of(name: str, arguments: Sequence[str], numbers: Sequence[str]) -> str:
    """The function that evaluates what is computed from scalars alone."""
    return "\n".join(
        [f"def {name}({', '.join(arguments)}):", "    return (", *(f"        {n}," for n in numbers), "    )"]
    )


def indented(lines: Iterable[str]) -> list[str]:
    """Lines, one step further in."""
    return ["    " + line for line in lines]
