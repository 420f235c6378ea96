"""Counts the instructions of kernels and whole steps under valgrind's callgrind, and compares them with what is kept.

    python benchmarks/instructions.py             compares; exit status 1 where a count has risen
    python benchmarks/instructions.py --update    keeps the counts

Counts do not depend on the clock nor on what else the machine does. Kernels are compiled for one CPU that valgrind
knows, whatever the machine's own, so that counts of different machines can be compared. Each count is that of a whole
call on one thread. Calls of kernels are of 4,096 x 64 float32 elements; what Python does in them is about a hundredth.
Steps in PyTorch are of many small tensors: most of what they count is Python's.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "instructions.json"
RISE = 1.03
PROGRAMS = ("counted_calls.py", "counted_steps.py")
VERSIONS = ("numba", "llvmlite", "numpy", "torch")
CPU = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt",
    # Dictionaries of strings would take other ways each time.
    "PYTHONHASHSEED": "0",
    "ATEN_CPU_CAPABILITY": "avx2",
}


def count(valgrind: str) -> dict[str, int]:
    """The instructions of each call, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **CPU, "FUSEDSTEP_CACHE_DIR": folder, "NUMBA_CACHE_DIR": folder}
        print("counting (some minutes)", file=sys.stderr)
        for program in PROGRAMS:
            calls = [sys.executable, str(HERE / program)]
            # Compiled outside valgrind, where it would take an hour.
            subprocess.run(calls, env=environment, check=True)
            options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/count-{program}"]
            subprocess.run([valgrind, "--quiet", *options, *calls], env=environment, check=True)
        texts = [file.read_text() for file in Path(folder).glob("count-*")]
    found = {}
    for text in texts:
        name = re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.MULTILINE)
        total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
        if name and total:
            found[name[1]] = int(total[1])
    return dict(sorted(found.items()))


def versions() -> dict[str, str]:
    """What decides on the instructions beside the sources."""
    # Without what a build of torch is for, such as "+cpu".
    found = {name: importlib.metadata.version(name).partition("+")[0] for name in VERSIONS}
    return found | {"python": ".".join(platform.python_version_tuple()[:2])}


def compare(counts: dict[str, int], kept: dict[str, int]) -> bool:
    """Prints both; whether none has risen and none is missing."""
    fine = True
    for name in sorted(counts.keys() | kept.keys()):
        now, before = counts.get(name), kept.get(name)
        verdict = "new" if before is None else "gone" if now is None else f"{now / before - 1:+.1%}"
        if before is None or now is None or now > before * RISE:
            verdict, fine = f"{verdict}  <--", False
        print(f"{name:<44} {now or 0:>12,} {before or 0:>12,}  {verdict}")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts the instructions of kernels and compares them.")
    parser.add_argument("--update", action="store_true", help="keep the counts")
    options = parser.parse_args()
    valgrind = shutil.which("valgrind")
    if platform.machine().lower() not in ("x86_64", "amd64") or valgrind is None:
        print("instructions.py needs valgrind, on an x86-64 machine", file=sys.stderr)
        return 2
    counts, known = count(valgrind), versions()
    if options.update:
        KEPT.write_text(json.dumps({"versions": known, "counts": counts}, indent=1) + "\n")
        print(f"{len(counts)} counts kept in {KEPT.name}")
        return 0
    kept = json.loads(KEPT.read_text())
    fine = compare(counts, kept["counts"])
    if kept["versions"] != known:
        print(f"Not judged: these are of {known}, those kept of {kept['versions']}.")
        return 0
    print("No count has risen." if fine else f"Counts above {RISE - 1:.0%} more, new or gone; --update keeps them.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
