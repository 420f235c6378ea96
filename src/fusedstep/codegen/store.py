"""Keeps woven modules on disk under the hash of their text, so that a second process compiles nothing."""

import contextlib
import hashlib
import os
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path

PREFIX = "fusedstep_kernel_"

_lock = threading.Lock()
_warned = False


def cache_folder() -> Path:
    """Where woven modules are kept: ``FUSEDSTEP_CACHE_DIR``, else a folder of ours in the platform's cache folder."""
    chosen = os.environ.get("FUSEDSTEP_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fusedstep"


def load(text: str) -> types.ModuleType:
    """The module of a text, compiled or taken from the cache."""
    name = PREFIX + hashlib.sha256(text.encode()).hexdigest()
    with _lock:
        module = sys.modules.get(name)
        if module is None:
            module = build_on_disk(name, text) or build(name, text, f"<{name}>", cached=False)
    return module


def build_on_disk(name: str, text: str) -> types.ModuleType | None:
    """Builds a module whose machine code is kept in the cache folder; None, and one warning, where that fails."""
    try:
        path = keep(cache_folder(), name, text)
        try:
            return build(name, text, str(path), cached=True)
        except OSError:
            raise
        except Exception:
            # Numba's files beside the module are damaged: away with them, and once more.
            for damaged in path.parent.glob(f"__pycache__/{name}.*"):
                damaged.unlink(missing_ok=True)
            return build(name, text, str(path), cached=True)
    except (OSError, RuntimeError) as error:
        # Home may be unknown (RuntimeError), the folder not writable, the disk full.
        global _warned
        if not _warned:
            _warned = True
            warnings.warn(
                f"fusedstep compiles in memory, once per process: its cache folder cannot be used ({error}). "
                "Set FUSEDSTEP_CACHE_DIR to a folder that can be written.",
                RuntimeWarning,
                stacklevel=2,
            )
        return None


def keep(folder: Path, name: str, text: str) -> Path:
    """Writes a module's text once; a race of several processes leaves one whole file."""
    private = folder / "__pycache__"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private.mkdir(mode=0o700, exist_ok=True)
    if not os.access(private, os.W_OK):
        raise PermissionError(f"no permission to write to {folder}")
    path = folder / f"{name}.py"
    if not path.exists() or path.read_bytes() != text.encode():
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            with open(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            # Numba takes another time stamp for another module; the winner of a race must look like the loser.
            os.utime(temporary, (0, 0))
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    return path


def build(name: str, text: str, filename: str, cached: bool) -> types.ModuleType:
    """Executes a module's text; compiling is part of that."""
    module = types.ModuleType(name)
    module.__file__ = filename
    module.__dict__["CACHE"] = cached
    # Before execution: else Numba's cache records the module as dynamic, and no later process can load it.
    sys.modules[name] = module
    try:
        exec(compile(text, filename, "exec"), module.__dict__)  # noqa: S102 - the text was woven here
    except BaseException:
        del sys.modules[name]
        raise
    return module


def cache_statistics() -> tuple[int, int]:
    """How many functions of this process's kernels came from the cache, and how many were compiled."""
    statistics = [
        function.stats
        for name, module in list(sys.modules.items())
        if name.startswith(PREFIX)
        for function in vars(module).values()
        if hasattr(function, "stats")
    ]
    hits = sum(sum(each.cache_hits.values()) for each in statistics)
    return hits, sum(sum(each.cache_misses.values()) for each in statistics)


if hasattr(os, "register_at_fork"):

    def _renew_lock() -> None:
        global _lock
        _lock = threading.Lock()

    os.register_at_fork(after_in_child=_renew_lock)
