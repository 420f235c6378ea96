"""``fusedstep bench``: the whole path on tiny sizes, peers that fail, and what is kept and drawn."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from benchmarks import cpu

from fusedstep.bench import catalogue, environments, figures, measure, memory, plots, results
from fusedstep.bench.catalogue.contenders import FUSEDSTEP
from fusedstep.bench.libraries import data
from fusedstep.bench.processes import EndedError, Process, Processes
from fusedstep.bench.race import FailedError, Pace, Race
from fusedstep.bench.works import Contender, Moves, Work
from fusedstep.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
QUICK = Pace(rounds=2, warm_up=1)
# A run without the libraries that take long to import.
ALONE = {"fusedstep": sys.executable}
SPARSE = next(work for work in cpu.GROUPS["sparse"] if work.name == "FusedSparseLazyAdam").quick()
# A library that ends, in each way in which one does.
FAILING = """#!{python}
import json, os, sys
print(json.dumps({{"version": "0"}}), flush=True)
for line in sys.stdin:
    if json.loads(line)["do"] == "{when}":
        print("something that the library said", file=sys.stderr, flush=True)
        {what}
    print(json.dumps({{"done": 0.001}}), flush=True)
"""


def silent(label, steps):
    """Is told how far a measurement is."""


@pytest.fixture
def failing(tmp_path: Path):
    """Makes a Python of an environment whose library fails when it is asked something."""

    def make(when: str, what: str) -> str:
        program = tmp_path / "python"
        program.write_text(FAILING.format(python=sys.executable, when=when, what=what), encoding="utf-8")
        program.chmod(0o755)
        return str(program)

    return make


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[results.Report, Path, str]:
    """A quick run of some works of every kind, its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("bench")
    names = ["fusedsparseadam", "dense-adam", "mostly-touched-backward", "deferred-adam", "small-SGD", "tiny-call"]
    options = [
        "--quick",
        "--sweep",
        "--rounds",
        "2",
        "--json",
        "all.json",
        "--plot",
        "pictures",
        "--save",
        "--results",
        "saved",
    ]
    command = [sys.executable, "-W", "error", "-m", "fusedstep", "bench", *names, *options]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return results.from_json((folder / "all.json").read_text(encoding="utf-8")), folder, done.stdout


def test_every_contender_that_is_there_was_timed(measured):
    report, _, _ = measured
    singles = {result.work: result for result in report.results if not result.swept}
    assert list(singles) == [
        "FusedSparseAdam",
        "dense-adam",
        "mostly-touched-backward",
        "deferred-adam",
        "small-SGD",
        "tiny-call",
    ]
    there = environments.pythons(environments.libraries(catalogue.GROUPS), {})
    for name, result in singles.items():
        work = catalogue.WORKS[name]
        expected = [each.label for each in work.contenders if each.library.name in there]
        assert [timing.label for timing in result.contenders] == expected
        assert (result.streaming is not None) == bool(work.states)
        for timing in result.timings:
            assert len(timing.seconds) == 2
            assert all(seconds > 0 for seconds in timing.seconds)
    assert report.notes == ()
    assert report.quick
    assert report.versions["fusedstep"]


def test_sizes_are_swept_over(measured):
    report, _, _ = measured
    for name, values in measure.SWEEPS.items():
        found = [result for result in report.results if result.swept == name]
        assert len(found) == len(values)
        sizes = [result.size[name] for result in found]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]


def test_the_tables_fit_a_narrow_terminal(measured):
    _, _, printed = measured
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for words in (
        "FusedSparseAdam: Adam, every row",
        "median",
        "of limit",
        "streaming the same memory",
        "by batch",
        " x ",
    ):
        assert words in printed


def test_pictures_are_drawn(measured):
    _, folder, printed = measured
    drawn = {path.stem for path in (folder / "pictures").glob("*.png")}
    assert drawn == {"sparse", "dense", "optimizers", "calls", "FusedSparseAdam-sweep"}
    for path in (folder / "pictures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert path.stat().st_size > 10_000
        assert f"pictures/{path.name}" in printed


def test_what_is_saved_is_what_was_measured(measured):
    report, folder, _ = measured
    (file,) = (folder / "saved").iterdir()
    assert file.stem == results.slug(report)
    assert results.from_json(file.read_text(encoding="utf-8")) == report
    assert results.from_json(report.as_json()) == report
    assert json.loads(report.as_json())["machine"]["cpu"]


def test_a_later_run_replaces_its_own_works_only(measured, tmp_path):
    report, _, _ = measured
    results.save(report, tmp_path)
    first = report.results[0]
    again = replace(first, timings=(replace(first.timings[0], seconds=(1.0, 1.0)),))
    file = results.save(replace(report, results=(again,)), tmp_path)
    kept = results.from_json(file.read_text(encoding="utf-8"))
    assert [result for result in kept.results if result.work == first.work and not result.swept] == [again]
    assert len(kept.results) == len(report.results)
    results.save(replace(report, results=(again,), threads=report.threads + 1), tmp_path)
    assert results.from_json(file.read_text(encoding="utf-8")).results == (again,)


def test_the_page_on_performance_shows_what_is_saved(measured, tmp_path):
    pytest.importorskip("matplotlib")
    measured_page = page_writer()
    measured_page.write(tmp_path, saved=tmp_path)
    page = tmp_path / "measured" / "machines.md"
    assert "fusedstep bench --save" in page.read_text(encoding="utf-8")
    report, folder, _ = measured
    measured_page.write(tmp_path, saved=folder / "saved")
    text = page.read_text(encoding="utf-8")
    assert report.machine["cpu"] in text
    assert "| streaming the same memory |" in text
    assert "**FusedSparseAdam** by width" in text
    for picture in text.split("](")[1:]:
        assert (tmp_path / picture.partition(")")[0]).stat().st_size > 10_000


def page_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measured", DOCS / "measured.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("when", "what", "expected"),
    [
        ("prepare", "os._exit(3)", "its process ended with status 3: something that the library said"),
        ("step", "os.kill(os.getpid(), 11)", "its process ended by signal 11: something that the library said"),
        ("step", "print(json.dumps(dict(error='no')), flush=True); continue", "no"),
    ],
)
def test_a_peer_that_fails_is_one_line_and_the_run_goes_on(failing, when, what, expected):
    with Processes({**ALONE, "mindspore": failing(when, what)}, 1) as processes:
        found = measure.measure(measure.Case(SPARSE), processes, QUICK, silent)
        again = measure.measure(measure.Case(SPARSE), processes, QUICK, silent)
    for result in (found, again):
        assert result is not None
        assert {timing.library: len(timing.seconds) for timing in result.timings} == {"fusedstep": 2, "mindspore": 0}
    # It is started again for each work: it may be able to do another one.
    assert processes.notes == [f"FusedSparseLazyAdam: MindSpore failed: {expected}"] * 2


def test_a_process_that_ends_between_works_begins_anew(failing):
    with Processes({**ALONE, "mindspore": failing("forget", "os._exit(1)")}, 1) as processes:
        for _ in range(2):
            found = measure.measure(measure.Case(SPARSE), processes, QUICK, silent)
            assert found is not None
            assert [timing.library for timing in found.timings] == ["fusedstep", "mindspore"]
    said = "its process ended with status 1: something that the library said"
    assert processes.notes == [f"MindSpore is started again: {said}"] * 2


def test_an_answer_is_not_waited_for_without_end(failing, tmp_path):
    process = Process(cpu.MINDSPORE, failing("step", "import time; time.sleep(100)"), 1, tmp_path / "worker")
    try:
        process.wait_until_ready()
        process.limit = 0.2
        with pytest.raises(EndedError, match=r"gave no answer in 0\.2 seconds"):
            process.ask("step")
        assert process.process.wait() == -signal.SIGKILL
    finally:
        process.end()


def test_a_peer_that_cannot_begin_is_left_out_of_all(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such module >&2\nexit 4\n", encoding="utf-8")
    program.chmod(0o755)
    with Processes({**ALONE, "mindspore": str(program)}, 1) as processes:
        for _ in range(2):
            assert measure.measure(measure.Case(SPARSE), processes, QUICK, silent) is not None
    assert processes.notes == ["MindSpore is left out: ended with status 4: no such module"]


def test_a_peer_without_its_library_says_so():
    with Processes({"tensorflow": sys.executable}, 1) as processes:
        if importlib.util.find_spec("tensorflow"):
            pytest.skip("TensorFlow is installed here")
        processes.start([cpu.TENSORFLOW])
        assert processes.notes == ["TensorFlow is left out: ModuleNotFoundError: No module named 'tensorflow'"]
        assert processes.running == {}


def test_a_work_that_does_not_fit_is_skipped(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 10_000)
    with Processes(ALONE, 1) as processes:
        assert measure.measure(measure.Case(SPARSE), processes, QUICK, silent) is None
    (note,) = processes.notes
    assert note.startswith("FusedSparseLazyAdam is skipped: it needs about 0.0 GB of memory, and 0.0 GB are free")


def test_a_work_whose_first_contender_is_not_there_is_skipped():
    with Processes(ALONE, 1) as processes:
        task = measure.Case(catalogue.WORKS["small-SGD"].quick())
        assert measure.measure(task, processes, QUICK, silent) is None
    assert processes.notes == ["small-SGD is skipped: it needs torch in this environment"]


def test_a_worker_answers_errors_and_goes_on(tmp_path):
    process = Process(FUSEDSTEP, sys.executable, 1, tmp_path / "worker")
    try:
        process.wait_until_ready()
        size = {"rows": 4, "width": 2}
        with pytest.raises(FailedError, match="KeyError: 'NoSuchOperator'"):
            process.ask("prepare", label="a", call="operator", size=size, arguments={"name": "NoSuchOperator"})
        process.ask("prepare", label="a", call="operator", size=size, arguments={"name": "Adam"})
        assert process.ask("step", label="a", repeat=2) > 0
        process.process.kill()
        with pytest.raises(EndedError, match="ended by signal 9"):
            process.ask("step", label="a", repeat=1)
    finally:
        process.end()


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked for in /proc")
def test_an_interruption_leaves_no_process():
    command = [sys.executable, "-m", "fusedstep", "bench", "FusedSparseLazyAdam", "--quick", "--rounds", "100000"]
    # In a shell's background the signal is ignored, and a child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    try:
        workers = waited_for(lambda: len(found := children(running.pid)) >= 2 and found)
        time.sleep(1.0)
        os.killpg(running.pid, signal.SIGINT)
        assert running.communicate(timeout=60) == (b"", b"")
        assert running.returncode == 130
        assert waited_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    finally:
        running.kill()


def children(parent: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def waited_for(found):
    """What a function finds, once it does."""
    for _ in range(600):
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["FusedSparsAdam"], "'FusedSparsAdam' is not a work; similar works: FusedSparseAdam"),
        (["zzzz"], "'fusedstep bench --list' lists all"),
        (["--peer", "torch"], "expected NAME=PYTHON with NAME one of torch"),
        (["--peer", "jax=python"], "expected NAME=PYTHON with NAME one of"),
        (["--peer", "torch=/no/such/python"], "/no/such/python is not a program"),
        (["--rounds", "0"], "expected a whole number of at least 1"),
        (["--json", "nowhere/file.json"], "expected a file in a folder that exists"),
        (["--plot", "nowhere/pictures"], "expected a folder, or a new one in a folder"),
        (["--save", "--results", "file"], "expected a folder"),
        (["--save"], "'benchmarks/results', expected a folder"),
    ],
)
def test_options_are_refused_before_any_work(arguments, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(SystemExit) as left:
        main(["bench", *arguments])
    assert left.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "arguments"), [("matplotlib", ["--plot", "."])])
def test_a_missing_package_is_one_sentence(missing, arguments, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["bench", "--quick", *arguments]) == 2
    printed, error = capsys.readouterr()
    assert printed == ""
    assert missing in error
    assert 'pip install "fusedstep[bench]"' in error


def test_the_list_has_every_work(capsys):
    assert main(["bench", "--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(catalogue.WORKS)


@pytest.mark.parametrize("work", [work for works in cpu.GROUPS.values() for work in works], ids=lambda work: work.name)
def test_works_are_whole(work: Work):
    labels = [contender.label for contender in work.contenders]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 29
    assert not work.contenders[0].library.peer
    for contender in work.contenders:
        text = contender.library.file.read_text(encoding="utf-8")
        assert f"def {contender.call}(" in text or f"\n{contender.call} = " in text


def test_a_checkout_adds_contenders_and_no_works():
    assert cpu.JOINING.keys() <= catalogue.WORKS.keys()
    assert environments.peers(catalogue.GROUPS) == ["torch"]
    assert sorted(environments.peers(cpu.GROUPS)) == ["fbgemm", "mindspore", "optax", "tensorflow", "torch"]
    for group, works in catalogue.GROUPS.items():
        assert [work.name for work in works] == [work.name for work in cpu.GROUPS[group]]


def test_the_command_of_a_checkout_names_what_is_missing():
    command = [sys.executable, "-W", "error", "-m", "benchmarks.cpu", "FusedSparseFtrl", "--quick", "--rounds", "1"]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=DOCS.parent, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FusedSparseFtrl: FTRL, touched rows" in done.stdout
    there = environments.pythons(environments.libraries(cpu.GROUPS), {})
    for peer in environments.peers(cpu.GROUPS):
        assert (peer in done.stdout.partition("Not installed here:")[2]) == (peer not in there)


def test_the_least_bytes_are_those_of_the_rows_that_take_the_step():
    size = data.Size(100, 4, 10, law="uniform", batches=1)
    named = len(np.unique(data.indices(size)[0]))
    work = Work("a", "b", size, (), states=3)
    assert work.moves() == Moves(3, 100 * 4 * 4, 100 * 4 * 4)
    assert replace(work, rows="every").moves() == Moves(3, 100 * 4 * 4, 10 * (4 * 4 + 4))
    assert replace(work, rows="touched").moves() == Moves(3, named * 4 * 4, 10 * (4 * 4 + 4))
    assert replace(work, rows="every").moves(2).total == 2 * 3 * 100 * 4 * 2 + 10 * (4 * 2 + 4)
    assert replace(work, states=0).moves() is None


def test_figures_of_a_result():
    timings = (
        results.Timing("ours", "fusedstep", (0.02, 0.01, 0.03), 10**9),
        results.Timing("theirs", "torch", (0.04, 0.04, 0.04), 10**9),
        results.Timing("limit", results.STREAMING, (0.01, 0.01, 0.01), 10**9),
    )
    result = results.Result("a", "b", {"rows": 1, "width": 1, "batch": 0}, timings)
    assert figures.cells(result, timings[0]) == ("20.0 ms", "15.0 to 25.0", "50.0", "50%", "")
    assert figures.cells(result, timings[1]) == ("40.0 ms", "40.0 to 40.0", "25.0", "25%", "2.00 x")
    assert figures.cells(result, timings[2]) == ("10.0 ms", "10.0 to 10.0", "100", "", "")


def test_the_bars_are_the_medians():
    pytest.importorskip("matplotlib")
    timings = (
        results.Timing("ours", "fusedstep", (0.02, 0.01, 0.03), 10**9),
        results.Timing("limit", results.STREAMING, (0.01, 0.01, 0.01), 10**9),
    )
    (axes,) = plots.bars([results.Result("a", "b", {"rows": 1, "width": 1, "batch": 0}, timings)]).axes
    (bar,) = axes.patches
    assert bar.get_width() == pytest.approx(20.0)
    assert any(np.allclose(line.get_xdata(), 10.0) for line in axes.lines)


def test_a_slow_contender_rests():
    contender = SPARSE.contenders[0]
    race = Race(SPARSE, [contender], Processes({}, 1), QUICK, silent)
    race.times[contender.label] = [3.0] * 4
    assert not race.rests(contender)
    race.times[contender.label] = [3.0] * 5
    assert race.rests(contender)
    patient = Race(SPARSE, [contender], Processes({}, 1), replace(QUICK, limit=16.0), silent)
    patient.times[contender.label] = [3.0] * 5
    assert not patient.rests(contender)


def test_batches_follow_their_law():
    size = data.Size(1_000, 2, 4_000)
    drawn = np.concatenate(data.indices(size))
    counts = np.sort(np.bincount(drawn, minlength=1_000))[::-1]
    weights = np.arange(1, 1_001) ** -1.2
    assert drawn.min() >= 0
    assert counts[:3] / drawn.size == pytest.approx(weights[:3] / weights.sum(), rel=0.1)
    assert data.distinct(data.Size(20_000, 1, 28_000, law="uniform")) == pytest.approx(15_070, rel=0.01)
    assert data.table(size, 0).min() >= 0


def test_streaming_moves_what_it_is_asked_to():
    from fusedstep.bench.libraries import streaming

    for states, changed, read_only in ((1, 40, 40), (2, 40, 20), (3, 20, 40), (3, 40, 0)):
        (step,) = streaming.stream(data.Size(1, 1), states=states, changed=changed, read_only=read_only)
        step.run()
        parts = step.run.args[0]
        moved = [len(part.args) * part.args[0].nbytes for part in parts if part.func is not streaming.read]
        read = [part.args[0].nbytes for part in parts if part.func is streaming.read]
        assert sum(moved) + sum(read) == states * changed + read_only


def test_no_peer_needs_fusedstep():
    for library in environments.libraries(cpu.GROUPS):
        text = library.file.read_text(encoding="utf-8")
        assert library.peer != ("import fusedstep" in text or "from fusedstep" in text)


def test_a_contender_has_its_own_item_size():
    narrow = Contender("a", FUSEDSTEP, "operator", item=2)
    work = Work("a", "b", data.Size(10, 4), (narrow,), states=3)
    assert work.least_bytes(narrow) == 7 * 10 * 4 * 2
