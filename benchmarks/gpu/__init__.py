"""The operators on a GPU beside PyTorch's optimizers: ``make bench-gpu``; see docs/gpu.md."""
