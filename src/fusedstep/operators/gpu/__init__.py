"""Calls with tensors on a device: the same checks, then Triton's kernels on the device's current stream."""
