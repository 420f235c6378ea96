"""Times the works of ``benchmarks.gpu`` until time is up; the report is written after each.

Works that are in the report are left out: after a lost device, a new process continues.
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu import measure
from benchmarks.gpu.lost import DeviceLostError
from benchmarks.saved import from_json

from .recording import LOST


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    interpret = os.environ.get("TRITON_INTERPRET") == "1"
    end = time.monotonic() + given.seconds
    before = from_json(given.record.read_text(encoding="utf-8")) if given.record.exists() else None
    known = before.results if before else ()
    settings = measure.TINY if interpret else measure.FULL
    works = [each.name for each in measure.chosen(settings) if each.name not in {result.work for result in known}]
    if not works:
        return 0
    measure.prepare(settings)
    try:
        for report in measure.measured(replace(settings, works=works), lambda label, steps: None, end):
            notes = dict.fromkeys([*(before.notes if before else ()), *report.notes])
            whole = replace(report, results=(*known, *report.results), notes=tuple(notes))
            new = given.record.with_suffix(".new")
            new.write_text(whole.as_json(), encoding="utf-8")
            new.replace(given.record)
    except DeviceLostError as error:
        print(error)
        return LOST if works[len(report.results) :] else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
