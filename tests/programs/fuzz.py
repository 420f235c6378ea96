"""Gives the properties of ``tests/system/test_odd_calls.py`` to a fuzzer, which looks for calls that reach new code.

``python -m tests.programs.fuzz [PROPERTY] [libFuzzer's options]``, as ``-max_total_time=600``; a call that fails is
kept in a file, which named instead of the options is run again.
"""

import pkgutil
import sys
from pathlib import Path

import atheris

ROOM = Path(__file__).parents[2] / "src" / "fusedstep"
# Rules are read and woven as they stand, which they would not with a fuzzer's marks in them.
RULES = [f"fusedstep.rules.{each.name}" for each in pkgutil.iter_modules([str(ROOM / "rules")])]

with atheris.instrument_imports(include=["fusedstep"], exclude=RULES):
    import fusedstep.torch  # noqa: F401 - and with it all that calls go through

from tests.system import test_odd_calls  # noqa: E402 - what it imports is marked by now

PROPERTIES = {
    name.removeprefix("test_"): each.hypothesis.fuzz_one_input
    for name, each in vars(test_odd_calls).items()
    if name.startswith("test_") and hasattr(each, "hypothesis")
}


def main(arguments: list[str]) -> None:
    chosen = arguments.pop(1) if arguments[1:] and arguments[1] in PROPERTIES else "operators"
    # Long inputs from the start: short ones do not suffice for a call.
    atheris.Setup([arguments[0], "-len_control=0", *arguments[1:]], PROPERTIES[chosen])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
