"""The libraries that are compared, one file each: functions that prepare the steps of a work.

A file runs in its library's environment, where fusedstep need not be installed. It imports the library, NumPy and its
neighbours here; only the files of fusedstep import fusedstep.
"""
