"""Launching: parts and threads, kernels and streams, locks. Knows a call that was checked."""
