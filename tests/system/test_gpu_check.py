"""``make gpu-check``: all of it in the interpreter, what it says without a GPU, and stages that fail, crash or hang."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

ROOT = Path(__file__).parents[2]
TESTS = """
import os, time
import pytest

pytestmark = pytest.mark.gpu

@pytest.mark.parametrize("number", range(3))
def test_fine(number): pass
def test_wrong(): assert 1 + 1 == 3, "what it says"
def test_broken_at_its_end(request): request.addfinalizer(lambda: 1 / 0)
def test_skipped(): pytest.skip("why it is")
def test_crash(): os.abort()
def test_after_the_crash(): pass
@pytest.mark.long
def test_long(): assert False
"""


@pytest.fixture(scope="module")
def check() -> Any:
    """The package of the check, which lies beside the tests."""
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.gpu_check import recording, selection, stages
    finally:
        sys.path.remove(str(ROOT))
    return {"stages": stages, "selection": selection, "recording": recording}


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu_check", *options]
    settings = os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment
    return subprocess.run(command, capture_output=True, text=True, env=settings, cwd=ROOT, check=False)


def test_all_stages_run_in_the_interpreter_and_end_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run("--interpret", "--minutes", "0.7", "--out", str(tmp_path / "found"))
    # Time for imports, and for the other tests of the machine.
    assert time.monotonic() - began < 42 + 60
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-3000:]
    kept = json.loads((tmp_path / "found" / "gpu-check.json").read_text(encoding="utf-8"))
    assert [stage["name"] for stage in kept["stages"]] == ["results", "speed", "tests"]
    for stage in kept["stages"]:
        assert stage == json.loads((tmp_path / "found" / f"{stage['name']}.json").read_text(encoding="utf-8"))
        assert not stage["failures"]
    assert {"machine", "versions", "commit", "date"} <= kept.keys()
    assert kept["versions"]["triton"]
    last = done.stdout.partition("== Summary")[2].splitlines()
    assert last[-1] == f"Nothing failed. Everything is in {tmp_path / 'found' / 'gpu-check.json'}"
    # Neither files nor names of the run are left: what comes back from a borrowed machine may be few files.
    assert len(list((tmp_path / "found").iterdir())) == 7


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "gpu-check: PyTorch finds no GPU on this machine; --interpret runs tiny sizes"),
        (["--minutes", "0"], "'0' is no number of minutes above 0"),
        (["--minutes", "nan"], "'nan' is no number of minutes above 0"),
        (["--out", "no/such/folder"], "expected a folder, or a new one in a folder"),
    ],
)
def test_what_cannot_be_checked_is_said_and_ends_with_2(options: list[str], sentence: str, tmp_path: Path) -> None:
    done = run("--out", str(tmp_path), *options, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert not list(tmp_path.iterdir())


def of_tests(check: Any, tmp_path: Path, text: str) -> Any:
    """A stage of tests of its own."""
    file = tmp_path / "test_of_stage.py"
    file.write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu\n    long\n", encoding="utf-8")
    stages = check["stages"]
    command = partial(stages.tests, "some", (str(file),), None)
    return stages.Stage("some", "some tests", 1.0, command, partial(stages.read_tests, "some"))


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {name.rpartition("::")[2]: value for name, value in found.items()}


def test_each_test_is_counted_once_and_a_crash_stops_no_other(check: Any, tmp_path: Path) -> None:
    outcome = of_tests(check, tmp_path, TESTS).run(tmp_path, 120.0)
    failures = by_name(outcome.failures)
    assert failures.keys() == {"test_wrong", "test_broken_at_its_end", "test_crash"}
    assert "what it says" in failures["test_wrong"]
    assert "ZeroDivisionError" in failures["test_broken_at_its_end"]
    assert "crashed" in failures["test_crash"]
    assert outcome.counts == {"passed": 4, "failed": 3, "skipped": 1, "not reached": 0}
    assert not outcome.passed
    assert not outcome.ended
    kept = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))
    assert "why it is" in next(each["why"] for each in kept["content"] if each["test"].endswith("test_skipped"))


def test_what_there_is_no_time_for_is_named(check: Any, tmp_path: Path) -> None:
    text = TESTS.partition("def test_wrong")[0] + "@pytest.mark.parametrize('n', range(9))\ndef test_slow(n): "
    outcome = of_tests(check, tmp_path, text + "time.sleep(60)\n").run(tmp_path, 15.0)
    assert outcome.ended == "stopped after 15 s"
    assert outcome.passed
    assert outcome.counts["passed"] == 3
    assert len(outcome.not_reached) == 9
    assert 1 <= len(outcome.running) < 9
    # Each of nine would sleep for a minute.
    assert outcome.seconds < 50


def test_tests_that_an_earlier_stage_ran_are_left_out(check: Any, tmp_path: Path) -> None:
    stages = check["stages"]
    first = of_tests(check, tmp_path, TESTS)
    (tmp_path / "before.record").write_text(
        json.dumps({"test": "test_of_stage.py::test_crash", "outcome": "failed"}) + "\n"
        + json.dumps({"test": "test_of_stage.py::test_wrong", "outcome": "failed"}) + "\n{half a li",
        encoding="utf-8",
    )  # fmt: skip
    command = partial(stages.tests, "some", (str(tmp_path / "test_of_stage.py"),), "before")
    outcome = stages.Stage("some", "", 1.0, command, first.read).run(tmp_path, 120.0)
    assert by_name(outcome.failures).keys() == {"test_broken_at_its_end"}
    assert outcome.counts == {"passed": 4, "failed": 1, "skipped": 1, "not reached": 0}


def test_a_file_that_cannot_be_collected_is_a_failure(check: Any, tmp_path: Path) -> None:
    outcome = of_tests(check, tmp_path, "import no_such_module").run(tmp_path, 120.0)
    assert not outcome.passed
    assert "no_such_module" in "".join(outcome.failures.values())


@pytest.mark.parametrize(
    ("script", "ended"), [("1 / 0", "ended with status 1"), ("import os; os.abort()", "status -6")]
)
def test_a_stage_that_breaks_says_so(script: str, ended: str, check: Any, tmp_path: Path) -> None:
    stage = stage_of(check, lambda folder, seconds: ["-X", "faulthandler", "-c", script])
    outcome = stage.run(tmp_path, 60.0)
    assert ended in outcome.ended
    assert not outcome.passed
    assert re.search("ZeroDivisionError|Abort", outcome.failures["any"])


def stage_of(check: Any, command: Callable[[Path, float], list[str]]) -> Any:
    return check["stages"].Stage("any", "anything", 1.0, command, lambda folder, outcome: None)


def test_a_stage_that_hangs_is_stopped_with_all_that_it_started(check: Any, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time\nwhile True: open({str(alive)!r}, 'w').close(); time.sleep(0.05)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    outcome = stage_of(check, lambda folder, seconds: ["-c", script]).run(tmp_path, 2.0)
    assert outcome.ended == "stopped after 2 s"
    assert alive.exists()
    time.sleep(0.2)
    alive.unlink()
    time.sleep(0.3)
    assert not alive.exists()


def test_a_worker_whose_device_is_lost_ends(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recording, ended = check["recording"], []
    leaving = recording.Leaving()
    monkeypatch.setattr(recording.os, "_exit", ended.append)
    for lost in (False, True):
        monkeypatch.setattr(recording, "is_lost", lambda lost=lost: lost)
        for failed in (False, True):
            leaving.pytest_runtest_logreport(type("Report", (), {"failed": failed}))
            leaving.pytest_runtest_logfinish()
    assert ended == [recording.LOST]


def test_every_marked_file_is_chosen_and_every_choice_is_there(check: Any) -> None:
    selection = check["selection"]
    marked = {str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py") if " pytest.mark.gpu\n" in
              file.read_text(encoding="utf-8") or "@pytest.mark.gpu\n" in file.read_text(encoding="utf-8")}  # fmt: skip
    # Stage 2 is what that one runs.
    assert marked - {"tests/bench/test_race_gpu.py", "tests/system/test_gpu_check.py"} == set(selection.FILES)
    for test in selection.FIRST:
        file, _, function = test.partition("::")
        function = function.partition("[")[0]
        assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8") or not function, test
