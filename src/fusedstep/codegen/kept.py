"""Machine code that Numba compiled, kept on disk behind a digest of ours.

Numba's own cache takes what lies in its files for what it wrote: pickles and machine code, of which one changed byte
can crash the process. Here a file is read only if it is the user's own, and used only if its digest matches.
"""

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cpu import locks as locks  # a child of fork must find them free here, too
from .cpu.disk_cache import DIGEST, DIGEST_BYTES, read_own, write_own


class Kept:
    """Where a function's machine code is kept: what Numba calls a cache.

    Attributes:
        folder: the folder.
        name: what files of the function are called, before what they were compiled for.
    """

    def __init__(self, folder: Path, function: Callable[..., Any]) -> None:
        self.folder, self.name = folder, f"{function.__module__}.{function.__name__}"

    @property
    def cache_path(self) -> str:
        """The folder, for Numba's statistics."""
        return str(self.folder)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for a signature; None where nothing is kept, or what is kept is damaged."""
        from numba.core.compiler import CompileResult

        content = read_own(self.path(signature, target.codegen()))
        digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if not content or DIGEST(payload).digest() != digest:
            return None
        target.refresh()
        return CompileResult._rebuild(target, *pickle.loads(payload))  # noqa: S301 - the user's own, and whole

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keeps what was compiled."""
        from numba.core.serialize import dumps

        payload = dumps(compiled._reduce())
        write_own(self.path(signature, compiled.codegen), DIGEST(payload).digest() + payload)

    def path(self, signature: Any, codegen: Any) -> Path:
        """The file for a signature, this CPU and these versions."""
        import llvmlite
        import numba

        versions = sys.implementation.cache_tag, numba.__version__, llvmlite.__version__
        key = DIGEST(repr((versions, str(signature), codegen.magic_tuple())).encode()).hexdigest()
        return self.folder / f"{self.name}.{key[:16]}.bin"


def compiled(folder: Path | None, signature: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Numba's ``njit`` for one signature, with what it compiles kept in a folder, or nowhere."""
    from numba import njit

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        if folder is not None:
            dispatcher._cache = Kept(folder, function)
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return dispatcher

    return decorate
