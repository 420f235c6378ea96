"""Run the cases of some files of this folder in one of several processes."""

import sys
from importlib import import_module

from . import run

processes, rank, folder, *names = sys.argv[1:]
files = [import_module(f".{name}", __package__) for name in names]
run([case for file in files for case in file.CASES], int(processes), int(rank), folder)
