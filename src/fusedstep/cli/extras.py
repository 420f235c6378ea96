"""Packages that a subcommand needs beyond NumPy and Numba."""

import importlib
from collections.abc import Mapping


class MissingExtraError(Exception):
    """A package that is not installed, and how to install it."""


def require(command: str, extra: str, packages: Mapping[str, str]) -> None:
    """Makes sure that packages can be imported.

    Args:
        command: the subcommand that needs them.
        extra: the extra of fusedstep that brings them.
        packages: the name to install by the name to import.

    Raises:
        MissingExtraError: some cannot.
    """
    missing = [package for module, package in packages.items() if not installed(module)]
    if missing:
        raise MissingExtraError(
            f"'{command}' needs {' and '.join(missing)}, not installed here; "
            f'install what it needs with: pip install "fusedstep[{extra}]"'
        )


def installed(module: str) -> bool:
    """Whether a module can be imported; one that is there and fails to import says so itself."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return False
    return True
