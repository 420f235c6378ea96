"""Measures the operators beside their peers: one run, contenders in turn, medians.

Every contender runs in a process of its own, and peers in environments of their own where they need one:

    python benchmarks/run.py --peer mindspore=path/to/python [--peer torch=path/to/python]

torch is measured in the environment at hand where it is installed. Contenders take one step each in turn, with a pause
between, since the threads of other libraries spin on after their work.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import calls
import work

HERE = Path(__file__).parent
FILES = {"fusedstep": "fused_step", "streaming": "streaming", "torch": "torch_optim", "mindspore": "mind_spore"}
PAUSE = 0.1


class Contender:
    """A process that takes steps when told to."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), FILES[name]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # MindSpore leaves a folder of logs where it runs.
            cwd=tempfile.gettempdir(),
        )

    def step(self, name: str) -> float | None:
        """The seconds that one step took, or None if the contender does not do this work, or has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{name}\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or "null")
        except BrokenPipeError:
            return None
        return None if answer is None else float(answer)


def measure(contenders: list[Contender], name: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of every step, by contender."""
    able = [contender for contender in contenders if contender.step(name) is not None]
    times: dict[str, list[float]] = {contender.name: [] for contender in able}
    for _ in range(rounds):
        for contender in able:
            time.sleep(PAUSE)
            seconds = contender.step(name)
            if seconds is not None:
                times[contender.name].append(seconds)
    return times


def report(each: work.Work, times: dict[str, list[float]]) -> None:
    """Prints one work's times, and what they are to fusedstep's and to the memory's."""
    ours = statistics.median(times["fusedstep"])
    print(f"\n{each.name}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        low, _, high = statistics.quantiles(seconds, n=4)
        line = f"  {name:<10} {median * 1e3:8.2f} ms  (quartiles {low * 1e3:.2f} to {high * 1e3:.2f})"
        if each.bytes_per_element:
            line += f"  {each.bytes_per_element * work.ROWS * work.WIDTH / median / 1e9:5.1f} GB/s"
        if name == "streaming":
            line += f"  fusedstep takes {ours / median:.2f} x its time"
        elif name != "fusedstep":
            line += f"  fusedstep is {median / ours:.1f} x as fast"
        print(line)


def machine() -> dict[str, str]:
    """What was measured on."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = f"{names[0].partition(':')[2].strip()}, {len(names)} CPUs" if names else cpu
    versions = {name: importlib.metadata.version(name) for name in ("fusedstep", "numpy", "numba")}
    return {"cpu": cpu, "python": platform.python_version(), **versions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="a peer's environment")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to a file")
    options = parser.parse_args()
    pythons = {"fusedstep": sys.executable, "streaming": sys.executable}
    if importlib.util.find_spec("torch"):
        pythons["torch"] = sys.executable
    for peer in options.peer:
        name, _, python = peer.partition("=")
        if name not in FILES or not python:
            parser.error(f"--peer {peer}: expected NAME=PYTHON with NAME one of {', '.join(FILES)}")
        pythons[name] = python
    for name in FILES:
        if name not in pythons:
            print(f"{name} is not measured: it is not installed here; give --peer {name}=PYTHON")
    print(f"{machine()}\n{work.ROWS} x {work.WIDTH} float32, {work.BATCH} rows, {work.THREADS} threads, medians")
    contenders = [Contender(name, python) for name, python in pythons.items()]
    results: dict[str, object] = {"machine": machine()}
    for each in work.WORKS:
        results[each.name] = times = measure(contenders, each.name, options.rounds)
        report(each, times)
    for contender in contenders:
        contender.process.kill()
        contender.process.wait()
    results["calls"] = calls.report()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
