"""Checks on a GPU what only a GPU can tell, and says within some minutes what holds: ``make gpu-check``.

Results beside the CPU's, then speed, then as many of the marked tests as there is time for. Each stage has a process
of its own: one that fails, crashes or hangs stops no other.
"""

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.gpu.__main__ import NO_GPU
from benchmarks.gpu.measure import choose_interpreter, described

from fusedstep.cli.extras import MissingExtraError, require
from fusedstep.cli.options import folder_to_write

from .stages import INTERRUPTED, ROOT, STAGES, Outcome

NEEDED = {"torch": "torch", "triton": "triton", "numba": "numba", "pytest": "pytest", "xdist": "pytest-xdist"}
WHOLE = "gpu-check.json"
NAMED = 10
# Seconds that are kept for imports before and writing after.
AT_THE_END = 15
BEGAN = time.monotonic()


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=minutes, default=10.0, metavar="N", help="how long it may take in all (default: 10)")
    add(
        "--out",
        type=folder_to_write,
        default=Path("gpu-check"),
        metavar="FOLDER",
        help="where to write (default: gpu-check)",
    )
    add("--interpret", action="store_true", help="without a GPU: tiny sizes in Triton's interpreter, on the CPU")
    return parser.parse_args()


def minutes(text: str) -> float:
    """A number of minutes above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes above 0")
    return number


def commit() -> str | None:
    """The commit that is checked; None where it is not known."""
    asked = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return told.stdout.strip() or None


def sources() -> str:
    """A digest of what is checked, for a checkout whose commit is not known."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in ("benchmarks", "src", "tests") for file in (ROOT / folder).rglob("*.py")):
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def refused(sentence: str) -> int:
    """Says why nothing is checked."""
    print(f"gpu-check: {sentence}", file=sys.stderr)
    return 2


def clear(folder: Path, but: str = "") -> None:
    """Removes what stages wrote as they went, but that of one which a later stage reads."""
    for record in folder.glob("*.record"):
        if record.stem != but:
            record.unlink()


def show(outcome: Outcome) -> None:
    """What came of a stage: its table, and what failed."""
    print("\n".join(outcome.table))
    for name, why in outcome.failures.items():
        print(f"\nFAILED {name}\n{why}")
    print(outcome.line(), flush=True)


def summary(head: dict[str, Any], outcomes: list[Outcome], file: Path) -> list[str]:
    """The last lines."""
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items() if version)
    lines = ["", "== Summary", f"{head['machine']['gpu']}; {versions}", *(each.line() for each in outcomes)]
    for number, each in enumerate(outcomes):
        # What a stage had no time for, a later one may have reached.
        later = {
            test["test"] for other in outcomes[number + 1 :] if other.name == "tests" for test in other.content or ()
        }
        failed, missed = list(each.failures), [name for name in each.not_reached if name not in later]
        lines += [f"FAILED {name}" for name in failed[:NAMED]]
        lines += [f"  and {len(failed) - NAMED} more in {each.name}"] * (len(failed) > NAMED)
        lines += [f"Running in {each.name} when time was up: {name}" for name in each.running[:NAMED]]
        lines += [f"Not reached in {each.name}: {', '.join(missed[:3])}" + " ..." * (len(missed) > 3)] * bool(missed)
    verdict = "Nothing failed." if all(each.passed for each in outcomes) else "Something failed."
    return [*lines, f"{verdict} Everything is in {file}"]


def main() -> int:
    options = arguments()
    out: Path = options.out.resolve()
    # Ends as Ctrl-C does: what is known is written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    end = BEGAN + 60 * options.minutes - min(AT_THE_END, 3 * options.minutes)
    choose_interpreter(options.interpret)
    try:
        require("make gpu-check", "test", NEEDED)
    except MissingExtraError as error:
        return refused(str(error))
    import torch

    if not options.interpret and not torch.cuda.is_available():
        return refused(NO_GPU)
    clear(out)
    head = {"commit": commit(), "sources": sources(), "date": date.today().isoformat(), "minutes": options.minutes}
    head |= described("cpu" if options.interpret else "cuda")
    outcomes: list[Outcome] = []
    for number, stage in enumerate(STAGES, start=1):
        seconds = max(0.0, min(60 * options.minutes * stage.share, end - time.monotonic()))
        print(f"\n== {number} of {len(STAGES)}: {stage.title}, {seconds:.0f} s at most", flush=True)
        outcomes.append(stage.run(out, seconds))
        show(outcomes[-1])
        # Few files: what a borrowed machine gives back may be limited.
        clear(out, but="results")
        content = head | {"stages": [each.as_dict() for each in outcomes]}
        (out / WHOLE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if outcomes[-1].ended == INTERRUPTED:
            break
    clear(out)
    print("\n".join(summary(head, outcomes, out / WHOLE)))
    return 0 if all(each.passed for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
