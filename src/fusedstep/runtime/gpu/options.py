"""How kernels for devices are compiled."""

WARPS = 4
# Products and sums are rounded one by one, as on a CPU.
EXACT = {"enable_fp_fusion": False, "num_warps": WARPS}
