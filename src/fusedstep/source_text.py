"""Reads the text of the package's own modules, also where the package lies in a zip file."""

import pkgutil


def source_text(package: str, file: str) -> str:
    """The text of a file of a package.

    Raises:
        FileNotFoundError: the package is installed without its source.

    >>> source_text("fusedstep", "source_text.py").splitlines()[2]
    'import pkgutil'
    """
    found = pkgutil.get_data(package, file)
    if found is None:
        raise FileNotFoundError(f"{package} is installed without {file}, whose text kernels are made from")
    return found.decode().replace("\r\n", "\n")


def source_files(path: list[str]) -> list[str]:
    """The names of a package's modules, from its ``__path__``, in order."""
    return sorted(["__init__.py", *(f"{each.name}.py" for each in pkgutil.iter_modules(path) if not each.ispkg)])
