"""``fusedstep demo``: trains a classifier of handwritten digits with several optimizers and compares them."""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .extras import require

if TYPE_CHECKING:
    from .digits import Digits
    from .training import Result

PACKAGES = {"rich": "rich", "matplotlib": "matplotlib", "sklearn": "scikit-learn"}
PICTURE_TYPES = (".png", ".pdf", ".svg")
BATCH = 64


@dataclass(frozen=True)
class Plan:
    """How much is run: the steps of each optimizer, and the l1 penalties."""

    steps: int
    penalties: tuple[float, ...]


FULL = Plan(220, (0.0, 0.01, 0.03, 0.1, 0.3, 1.0))
QUICK = Plan(22, (0.0, 0.03, 0.3))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The subcommand's options."""
    parser.add_argument("--quick", action="store_true", help="fewer steps and penalties: a few seconds, not a minute")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    parser.add_argument("--output", type=picture_file, default="demo.png", metavar="FILE", help="where to save the picture (default: %(default)s)")
    parser.add_argument("--threads", type=thread_count, metavar="N", help="run on N threads (default: the CPUs that may be used)")


def picture_file(text: str) -> Path:
    """A file that a picture can be saved to; said at once, not after a minute's work."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_TYPES:
        raise argparse.ArgumentTypeError(f"{text!r} ends in {path.suffix!r}, expected one of {', '.join(PICTURE_TYPES)}")
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, or is in none; expected a file in a folder that exists")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} may not be written")
    return path


def thread_count(text: str) -> int:
    """A number of threads."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number of at least 1")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Runs the demo."""
    require("fusedstep demo", "demo", PACKAGES)
    from rich.console import Console

    from ..operators.threads import set_num_threads
    from . import digits, plots, report
    from .contenders import contenders

    if options.threads:
        set_num_threads(options.threads)
    ...
