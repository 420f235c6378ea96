"""Packages that a subcommand needs beyond NumPy and Numba."""

import importlib
from collections.abc import Mapping


class MissingExtraError(Exception):
    """A package is not installed; the message says how to install it."""


def require(command: str, extra: str, packages: Mapping[str, str]) -> None:
    """Require packages that can be imported.

    Args:
        command: the command that needs them.
        extra: the extra of fusedstep that installs them.
        packages: the name to install by the name to import.

    Raises:
        MissingExtraError: some cannot be imported.
    """
    missing = [package for module, package in packages.items() if not installed(module)]
    if missing:
        raise MissingExtraError(
            f"'{command}' needs {' and '.join(missing)}, not installed here; "
            f'install what it needs with: pip install "fusedstep[{extra}]"'
        )


def installed(module: str) -> bool:
    """Whether a module is installed; an error inside the module is raised."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return False
    return True
