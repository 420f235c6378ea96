"""Times the works of ``benchmarks/gpu.py``, until time is up; the report is written anew after each."""

import argparse
import os
import time
from pathlib import Path

from benchmarks.gpu import BATCH, ROUNDS, ROWS, TINY, WIDTH, interpreted, measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    interpret = os.environ.get("TRITON_INTERPRET") == "1"
    end = time.monotonic() + given.seconds
    options = argparse.Namespace(works=[], rows=ROWS, width=WIDTH, batch=BATCH, rounds=ROUNDS, interpret=interpret)
    if interpret:
        vars(options).update(TINY)
    for report in measured(options, interpreted() if interpret else "cuda", lambda label, steps: None):
        new = given.record.with_suffix(".new")
        new.write_text(report.as_json(), encoding="utf-8")
        new.replace(given.record)
        if time.monotonic() >= end:
            break


if __name__ == "__main__":
    main()
