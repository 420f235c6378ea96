"""Whether the memory of torch's tensors is that of glibc's malloc."""

import torch

from ..runtime.cpu import allocator

# So much is allocated and freed again to see whose memory it is; it is never written.
PROBE_BYTES = 1 << 24


def why_not_glibc() -> str | None:
    """Why settings of glibc's malloc do not change how torch allocates; None if they do."""
    reason = allocator.other_malloc()
    if reason is None and not allocates_by_malloc():
        # As its builds with mimalloc do.
        reason = "torch does not allocate by malloc"
    return reason


def allocates_by_malloc() -> bool:
    """Return whether the memory of torch's tensors is glibc's; True where glibc is too old to say."""
    # Other threads allocate and free at the same time.
    for _ in range(3):
        before = allocator.bytes_in_use()
        if before is None:
            return True
        storage = torch.UntypedStorage(PROBE_BYTES)
        after = allocator.bytes_in_use()
        del storage
        if after is not None and after - before >= PROBE_BYTES:
            return True
    return False
