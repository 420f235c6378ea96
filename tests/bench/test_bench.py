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

from fusedstep.bench import catalogue, figures, libraries, measure, memory, plots, results
from fusedstep.bench.contenders import tables
from fusedstep.bench.processes import EndedError, FailedError, Process, Team
from fusedstep.bench.works import Contender, Moves, Work
from fusedstep.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
QUICK = measure.Plan(rounds=2, pause=0.0, warm_up=1)
# A run without the libraries that take long to import.
ALONE = {"fusedstep": sys.executable}
SPARSE = catalogue.WORKS["FusedSparseLazyAdam"].quick()
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
        "kept",
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
    there = libraries.pythons({})
    for name, result in singles.items():
        work = catalogue.WORKS[name]
        expected = [each.label for each in work.contenders if each.library in there]
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
    for words in ("FusedSparseAdam  Adam, every row", "median", "of", "streaming the same memory", "by batch", " x "):
        assert words in printed
    for peer in libraries.missing(libraries.pythons({})):
        assert peer in printed.partition("Not installed here:")[2]


def test_pictures_are_drawn(measured):
    _, folder, printed = measured
    drawn = {path.stem for path in (folder / "pictures").glob("*.png")}
    assert drawn == {"sparse", "dense", "optimizers", "calls", "FusedSparseAdam-sweep"}
    for path in (folder / "pictures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert path.stat().st_size > 10_000
        assert f"pictures/{path.name}" in printed


def test_what_is_kept_is_what_was_measured(measured):
    report, folder, _ = measured
    (file,) = (folder / "kept").iterdir()
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


def test_the_page_on_performance_shows_what_is_kept(measured, tmp_path):
    pytest.importorskip("matplotlib")
    measured_page = page_writer()
    measured_page.write(tmp_path, kept=tmp_path)
    page = tmp_path / "measured" / "machines.md"
    assert "fusedstep bench --save" in page.read_text(encoding="utf-8")
    report, folder, _ = measured
    measured_page.write(tmp_path, kept=folder / "kept")
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
    with Team({**ALONE, "mindspore": failing(when, what)}, 1) as team:
        found = measure.measure(measure.Task(SPARSE), team, QUICK, silent)
        again = measure.measure(measure.Task(SPARSE), team, QUICK, silent)
    for result in (found, again):
        assert result is not None
        assert [timing.library for timing in result.timings] == ["fusedstep"]
        assert len(result.timings[0].seconds) == 2
    # It is started anew for each work: another one may be nothing to it.
    assert team.notes == [f"FusedSparseLazyAdam: MindSpore is left out: {expected}"] * 2


def test_a_process_that_ends_between_works_begins_anew(failing):
    with Team({**ALONE, "mindspore": failing("forget", "os._exit(1)")}, 1) as team:
        for _ in range(2):
            found = measure.measure(measure.Task(SPARSE), team, QUICK, silent)
            assert found is not None
            assert [timing.library for timing in found.timings] == ["fusedstep", "mindspore"]
    assert team.notes == ["MindSpore begins anew: its process ended with status 1: something that the library said"] * 2


def test_an_answer_is_not_waited_for_without_end(failing, tmp_path):
    process = Process("mindspore", failing("step", "import time; time.sleep(100)"), 1, tmp_path / "worker")
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
    with Team({**ALONE, "mindspore": str(program)}, 1) as team:
        for _ in range(2):
            assert measure.measure(measure.Task(SPARSE), team, QUICK, silent) is not None
    assert team.notes == ["MindSpore is left out: ended with status 4: no such module"]


def test_a_peer_without_its_library_says_so():
    with Team({"tensorflow": sys.executable}, 1) as team:
        if importlib.util.find_spec("tensorflow"):
            pytest.skip("TensorFlow is installed here")
        team.call({"tensorflow"})
        assert team.notes == ["TensorFlow is left out: ModuleNotFoundError: No module named 'tensorflow'"]
        assert team.running == {}


def test_a_work_that_does_not_fit_is_skipped(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 10_000)
    with Team(ALONE, 1) as team:
        assert measure.measure(measure.Task(SPARSE), team, QUICK, silent) is None
    (note,) = team.notes
    assert note.startswith("FusedSparseLazyAdam is skipped: it needs about 0.0 GB of memory, and 0.0 GB are free")


def test_a_work_whose_first_contender_is_not_there_is_skipped():
    with Team(ALONE, 1) as team:
        task = measure.Task(catalogue.WORKS["small-SGD"].quick())
        assert measure.measure(task, team, QUICK, silent) is None
    assert team.notes == ["small-SGD is skipped: it needs torch in this environment"]


def test_a_worker_answers_errors_and_goes_on(tmp_path):
    process = Process("fusedstep", sys.executable, 1, tmp_path / "worker")
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
        (["FusedSparsAdam"], "'FusedSparsAdam' is no work; close to it: FusedSparseAdam"),
        (["zzzz"], "'fusedstep bench --list' has all"),
        (["--peer", "mindspore"], "expected NAME=PYTHON with NAME one of torch, mindspore, tensorflow, fbgemm, optax"),
        (["--peer", "jax=python"], "expected NAME=PYTHON with NAME one of"),
        (["--peer", "mindspore=/no/such/python"], "/no/such/python is no program"),
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


@pytest.mark.parametrize(("missing", "arguments"), [("rich", []), ("matplotlib", ["--plot", "."])])
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


@pytest.mark.parametrize("work", catalogue.WORKS.values(), ids=lambda work: work.name)
def test_works_are_whole(work: Work):
    labels = [contender.label for contender in work.contenders]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 29
    assert {contender.library for contender in work.contenders} <= libraries.LIBRARIES.keys()
    assert not libraries.LIBRARIES[work.contenders[0].library].peer
    folder = Path(measure.__file__).parent / "contenders"
    for contender in work.contenders:
        text = (folder / f"{libraries.LIBRARIES[contender.library].file}.py").read_text(encoding="utf-8")
        assert f"def {contender.call}(" in text or f"\n{contender.call} = " in text


def test_the_least_bytes_are_those_of_the_rows_that_take_the_step():
    size = tables.Size(100, 4, 10, law="uniform", batches=1)
    named = len(np.unique(tables.indices(size)[0]))
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
    race = measure.Race(SPARSE, Team({}, 1), [contender])
    race.times[contender.label] = [3.0] * 4
    assert not race.rests(contender, 8.0)
    race.times[contender.label] = [3.0] * 5
    assert race.rests(contender, 8.0)
    assert not race.rests(contender, 16.0)


def test_batches_follow_their_law():
    size = tables.Size(1_000, 2, 4_000)
    drawn = np.concatenate(tables.indices(size))
    counts = np.sort(np.bincount(drawn, minlength=1_000))[::-1]
    weights = np.arange(1, 1_001) ** -1.2
    assert drawn.min() >= 0
    assert counts[:3] / drawn.size == pytest.approx(weights[:3] / weights.sum(), rel=0.1)
    assert tables.distinct(tables.Size(20_000, 1, 28_000, law="uniform")) == pytest.approx(15_070, rel=0.01)
    assert tables.table(size, 0).min() >= 0


def test_streaming_moves_what_it_is_asked_to():
    from fusedstep.bench.contenders import streaming

    for states, changed, read_only in ((1, 40, 40), (2, 40, 20), (3, 20, 40), (3, 40, 0)):
        (step,) = streaming.stream(tables.Size(1, 1), states=states, changed=changed, read_only=read_only)
        step.run()
        shares = step.run.args[0]
        moved = [len(share.args) * share.args[0].nbytes for share in shares if share.func is not streaming.read]
        read = [share.args[0].nbytes for share in shares if share.func is streaming.read]
        assert sum(moved) + sum(read) == states * changed + read_only


def test_no_contender_needs_fusedstep_but_its_own():
    for library in libraries.PEERS:
        name = libraries.LIBRARIES[library].file
        text = (Path(measure.__file__).parent / "contenders" / f"{name}.py").read_text(encoding="utf-8")
        assert "import fusedstep" not in text
        assert "from fusedstep" not in text


def test_a_contender_has_its_own_item_size():
    narrow = Contender("a", "fusedstep", "operator", item=2)
    work = Work("a", "b", tables.Size(10, 4), (narrow,), states=3)
    assert measure.least_bytes(work, narrow) == 7 * 10 * 4 * 2
