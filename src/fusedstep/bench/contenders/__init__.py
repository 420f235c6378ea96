"""One file a library: its functions get the steps of a work ready.

These files run in the environments of peers. They import their library, NumPy and one another, nothing of fusedstep
beside; only the files of fusedstep's own import it, as its users do.
"""
