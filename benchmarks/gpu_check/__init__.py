"""What only a GPU can tell, in a bounded time: ``make gpu-check``; see docs/gpu.md."""
