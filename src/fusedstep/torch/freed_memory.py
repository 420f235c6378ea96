"""``keep_freed_memory``: whether memory that torch frees stays with the process."""

from typing import NamedTuple

from ..operators.checks.options import parse_flag
from ..runtime.cpu import allocator
from . import page_faults
from .tensor_malloc import why_not_glibc


class MemorySetting(NamedTuple):
    """What ``keep_freed_memory`` did; printed, it is the sentence.

    Attributes:
        changed: whether the process has the settings.
        message: a sentence that says what was done, or why nothing was.
    """

    changed: bool
    message: str

    def __str__(self) -> str:
        return self.message


def keep_freed_memory(*, restore: bool = False) -> MemorySetting:
    """Have memory that is freed stay with the process, so that the next step need not fault it in again.

    Call it once, at the start of a program, in any thread. It is a setting of the process, for all that allocates in
    it: glibc's malloc returns no memory to the system (``mallopt`` with ``M_TRIM_THRESHOLD`` -1 and ``M_MMAP_MAX`` 0),
    so that the process keeps the most memory that it ever had. It takes the place of what environment variables such
    as ``MALLOC_TRIM_THRESHOLD_`` set. Children of a fork inherit it, other programs do not. In threads other than the
    main one it does less: glibc still maps and returns what does not fit in their heaps of 64 MiB.

    Where malloc is not glibc's (macOS, Windows, musl, jemalloc by ``LD_PRELOAD``), or torch allocates by other means,
    nothing is done.

    Args:
        restore: set glibc's default thresholds, 128 KiB each, and return free memory to the system. glibc's adjustment
            of these thresholds, which every call turns off, stays off: a process then has more page faults than a
            fresh one.

    Returns:
        ``changed``, whether the settings were made, and ``message``, a sentence that says so, or why not. The message
        also goes to the logger ``"fusedstep"`` (level INFO).

    Raises:
        TypeError: ``restore`` is not a bool; nothing was done.

    >>> import fusedstep as fs
    >>> setting = fs.torch.keep_freed_memory()
    >>> did = "glibc" if setting.changed else "nothing was done"
    >>> str(setting).startswith(f"keep_freed_memory: {did}")
    True
    >>> setting = fs.torch.keep_freed_memory(restore=True)
    """
    restore = parse_flag("keep_freed_memory", "restore", restore)
    page_faults.say_nothing()
    setting = change(restore)
    # Imported here so that processes that only step start fast.
    import logging

    logging.getLogger("fusedstep").info("%s", setting.message)
    return setting


def change(restore: bool) -> MemorySetting:
    """Set or restore the settings of malloc, if torch's memory is glibc's."""
    reason = why_not_glibc()
    if reason is None:
        done = allocator.return_freed_memory() if restore else allocator.keep_freed_memory()
        if not done:
            return MemorySetting(False, f"keep_freed_memory: glibc {allocator.version()} refused a setting")
        what = (
            "has its default thresholds (128 KiB) and has returned what was free to the system; it adjusts them no more"
            if restore
            else "returns no freed memory to the system from now on; restore=True undoes it"
        )
        return MemorySetting(True, f"keep_freed_memory: glibc {allocator.version()} {what}")
    return MemorySetting(False, f"keep_freed_memory: nothing was done: {reason}")
