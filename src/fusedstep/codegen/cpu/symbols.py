"""The names of compiled functions."""

import hashlib
import re

from . import compiler


def symbol_of(name: str, text: str) -> str:
    """The symbol of a function: its name, and a digest of everything that its machine code depends on."""
    digest = hashlib.sha256("\n".join([compiler.made_for(), text]).encode()).hexdigest()
    return f"fusedstep_{plain(name)}_{digest}"


def plain(name: str) -> str:
    """A name that every linker and file system takes.

    >>> plain("<lambda> of \N{GREEK SMALL LETTER BETA}")
    '_lambda__of__'
    """
    return re.sub(r"[^A-Za-z0-9_]", "_", name)[:40]
