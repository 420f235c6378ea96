"""Runs one library in a separate process, in the library's environment.

It is started by its path, with the path of a library's file and a number of threads. Each input line is a command in
JSON, each output line an answer: ``{"error": ...}`` if the command fails.
"""

import importlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


class Worker:
    """Prepares and takes the steps of a library.

    Args:
        library: the module of the library's file.
        size: the class of sizes.
    """

    def __init__(self, library: Any, size: Any) -> None:
        self.library, self.size = library, size
        self.steps: dict[str, Iterator[Any]] = {}

    def prepare(self, label: str, call: str, size: dict[str, Any], arguments: dict[str, Any]) -> None:
        """Prepare a contender's steps."""
        self.steps[label] = itertools.cycle(getattr(self.library, call)(self.size(**size), **arguments))

    def step(self, label: str, repeat: int) -> float:
        """Take a contender's next steps; return their mean time in seconds."""
        seconds = 0.0
        for step in itertools.islice(self.steps[label], repeat):
            step.before()
            start = time.perf_counter()
            step.run()
            seconds += time.perf_counter() - start
        return seconds / repeat

    def train(self, label: str) -> dict[str, Any]:
        """Take a contender's next step of training; return the seconds of its phases, its page faults and its loss."""
        phases, loss = next(self.steps[label])
        seconds, before = {}, page_faults()
        for name, phase in phases.items():
            start = time.perf_counter()
            phase()
            seconds[name] = time.perf_counter() - start
        return {"seconds": seconds, "faults": page_faults() - before, "loss": loss()}

    def forget(self) -> None:
        """Free the memory: several works may not fit."""
        self.steps.clear()


def page_faults() -> int:
    """The pages that the system has given this process so far; 0 where it does not count them."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0


def main() -> None:
    answers = sys.stdout
    # The output of libraries must not look like an answer.
    sys.stdout = sys.stderr
    file = Path(sys.argv[1])
    # Both folders are packages. Their parents come last in the path, so that they hide no library.
    del sys.path[0]
    sys.path += [str(Path(__file__).resolve().parent.parent), str(file.parent.parent)]

    def answer(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        library = importlib.import_module(f"{file.parent.name}.{file.stem}")
        library.begin(int(sys.argv[2]))
        worker = Worker(library, importlib.import_module("libraries.data").Size)
        answer({"version": library.VERSION})
    except Exception as error:
        answer({"error": sentence(error)})
        return
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer({"done": getattr(worker, command.pop("do"))(**command)})
        except Exception as error:
            answer({"error": sentence(error)})


def sentence(error: Exception) -> str:
    """An error on one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


if __name__ == "__main__":
    main()
