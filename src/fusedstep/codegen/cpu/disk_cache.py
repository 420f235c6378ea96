"""Machine code kept on disk for the next process, behind a digest.

It is executed: a file is read only if it is the user's own, and used only if its digest matches its name and content.
"""

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

DIGEST = hashlib.sha256
DIGEST_BYTES = DIGEST().digest_size

# How many objects came from the disk, and how many were made.
loaded = made = 0
_warned = False


def cache_folder() -> Path:
    """Where machine code is kept: ``FUSEDSTEP_CACHE_DIR``, else a folder of ours in the platform's cache folder."""
    chosen = os.environ.get("FUSEDSTEP_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fusedstep"


def object_file(symbol: str, make: Callable[[], bytes]) -> bytes:
    """The object file that holds a symbol, from the disk if it is cached; the symbol's name identifies it."""
    global loaded, made
    try:
        path = private_folder() / f"{symbol}.bin"
        content = read_own(path)
    except (OSError, RuntimeError) as error:
        # Home may be unknown (RuntimeError), the folder not writable or not the user's own.
        warn_once(error)
        path, content = None, b""
    digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if content and digest == digest_of(symbol, code):
        loaded += 1
        return code
    code = make()
    made += 1
    if path is not None:
        try:
            write_own(path, digest_of(symbol, code) + code)
        except OSError as error:
            warn_once(error)
    return code


def digest_of(symbol: str, code: bytes) -> bytes:
    """What stands before an object file, so that it is taken for no other."""
    return DIGEST(symbol.encode() + code).digest()


def private_folder() -> Path:
    """The cache folder, made where it is not there.

    Raises:
        OSError: it cannot be made, or is not the user's own.
        RuntimeError: the user's home is unknown.
    """
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_private(folder, folder.stat())
    return folder


def warn_once(error: Exception) -> None:
    """Warn the user, once a process, that nothing is cached."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"fusedstep compiles in memory, once per process: its cache folder cannot be used ({error}). "
            "Set FUSEDSTEP_CACHE_DIR to a folder of yours that can be written, by nobody else.",
            RuntimeWarning,
            stacklevel=2,
        )


def read_own(path: Path) -> bytes:
    """The content of a file of the user's own; nothing where there is none.

    Raises:
        PermissionError: it is not the user's own.
    """
    try:
        # Neither a link nor, once it is open, another file.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return b""
    with open(handle, "rb") as file:
        require_private(path, os.fstat(handle))
        return file.read()


def write_own(path: Path, content: bytes) -> None:
    """Writes a file at once; of several processes that do so one wins, with a whole file."""
    # Imported here: a process that finds all it needs writes nothing.
    import tempfile

    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def require_private(path: Path, status: os.stat_result) -> None:
    """What is read and executed from a file or a folder must be the user's own.

    Raises:
        PermissionError: it belongs to another user, or others may write to it.
    """
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user")
    if status.st_mode & 0o022:
        raise PermissionError(f"others may write to {path}; chmod go-w it if it is yours alone")
