"""Launching on a device: Triton's kernels on the current stream."""
