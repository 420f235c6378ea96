"""Runs one contender in a process, and an environment, of its own.

Reads the name of a work from standard input, a line each, takes one step of it, and answers with the seconds that it
took; ``null`` for work that the contender does not have.
"""

import importlib
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Step = Callable[[], None]


def main() -> None:
    answers = sys.stdout
    # What the libraries print must not look like an answer.
    sys.stdout = sys.stderr
    sys.path.insert(0, str(Path(__file__).parent))
    contender = importlib.import_module(f"contenders.{sys.argv[1]}")
    steps: dict[str, itertools.cycle[Step] | None] = {}
    for line in sys.stdin:
        work = line.strip()
        if work not in steps:
            # One table at a time: several would not fit beside those of the other contenders.
            steps.clear()
            prepare = contender.WORKS.get(work)
            steps[work] = itertools.cycle(prepare()) if prepare else None
        ready = steps[work]
        seconds = None
        if ready is not None:
            step = next(ready)
            start = time.perf_counter()
            step()
            seconds = time.perf_counter() - start
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main()
