"""Runs one library in a process, and an environment, of its own.

It is started by its path, with the name of a library's file and a number of threads. Each line that it reads is a
command in JSON, each line that it writes an answer: ``{"error": ...}`` where something is amiss.
"""

import importlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Worker:
    """A library at work.

    Args:
        library: the library's file.
    """

    def __init__(self, library: Any, size: Any) -> None:
        self.library, self.size = library, size
        self.steps: dict[str, Iterator[Any]] = {}

    def prepare(self, label: str, call: str, size: dict[str, Any], arguments: dict[str, Any]) -> None:
        """Gets a contender's steps ready."""
        self.steps[label] = itertools.cycle(getattr(self.library, call)(self.size(**size), **arguments))

    def step(self, label: str, repeat: int) -> float:
        """The seconds that a contender's next step takes, the mean of some in turn."""
        seconds = 0.0
        for step in itertools.islice(self.steps[label], repeat):
            step.before()
            start = time.perf_counter()
            step.run()
            seconds += time.perf_counter() - start
        return seconds / repeat

    def forget(self) -> None:
        """Frees the memory: one work at a time, several would not fit."""
        self.steps.clear()


def main() -> None:
    answers = sys.stdout
    # What the libraries print must not look like an answer.
    sys.stdout = sys.stderr
    # The folder above as a package's place, at the end: no name in it is to stand before a library's.
    del sys.path[0]
    sys.path.append(str(Path(__file__).resolve().parent.parent))

    def answer(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        library = importlib.import_module(f"contenders.{sys.argv[1]}")
        library.begin(int(sys.argv[2]))
        worker = Worker(library, importlib.import_module("contenders.tables").Size)
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
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


if __name__ == "__main__":
    main()
