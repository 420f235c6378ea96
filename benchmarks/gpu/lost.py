"""Whether a device still works: after an error such as an illegal address, a process can launch nothing more."""

import sys


class DeviceLostError(Exception):
    """The device accepts no more kernels from this process, but still from others."""


def is_lost() -> bool:
    """Whether the device accepts no more kernels from this process."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False
