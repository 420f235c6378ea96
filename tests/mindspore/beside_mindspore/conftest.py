"""Nothing here is collected where MindSpore is not installed."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore_glob = [] if find_spec("mindspore") else ["*"]

# Errors alone: MindSpore warns of each of its optimizers that is deprecated.
os.environ.setdefault("GLOG_v", "3")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test in a folder of its own: where it refuses to compile, MindSpore writes a file into the current one."""
    monkeypatch.chdir(tmp_path)
