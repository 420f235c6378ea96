"""Launching on a device: Triton kernels on the current stream."""
