"""What ``benchmarks/gpu.py`` measures on a device: works, their contenders, and the least bytes that each must move."""
