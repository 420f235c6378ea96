"""The command ``fusedstep`` and its demo."""

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.cli import demo, machine
from fusedstep.cli.main import main
from fusedstep.demo import digits

COMMAND = [sys.executable, "-W", "error", "-m", "fusedstep"]
# What rounding float32 gradients, sums and steps amounts to over a short run; a wrong rule is off by a step size.
ROUNDING = 1e-5


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=280, check=False, **options)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The result of a quick run, and the picture's file."""
    file = tmp_path_factory.mktemp("demo") / "picture.png"
    finished = run("demo", "--quick", "--json", "--threads", "1", "--output", str(file))
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return json.loads(finished.stdout), file


@pytest.fixture
def without(monkeypatch):
    """Makes modules impossible to import."""

    def block(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return block


def proximal(result):
    return [each for each in result["results"] if each["optimizer"] == "FusedSparseProximalAdagrad"]


def test_every_optimizer_learns(quick):
    result, _ = quick
    names = {each["optimizer"] for each in result["results"]}
    assert {"FusedSparseAdam", "FusedSparseLazyAdam", "FusedSparseProximalAdagrad"} <= names
    assert ("torch.optim.SparseAdam" in names) == (result["versions"]["torch"] is not None)
    for each in result["results"]:
        assert each["test_accuracy"] > (0.9 if not each["l1"] or each["l1"] < 0.5 else 0.7), each
        assert each["milliseconds_per_step"] > 0


def test_a_stronger_penalty_leaves_fewer_weights(quick):
    runs = proximal(quick[0])
    assert [each["l1"] for each in runs] == sorted(each["l1"] for each in runs)
    counts = [each["nonzero_weights"] for each in runs]
    assert counts == sorted(set(counts), reverse=True)
    assert counts[-1] < counts[0] / 10


def test_weights_are_the_float64_rules(quick):
    for each in quick[0]["results"]:
        assert 0 < each["largest_difference_from_float64"] < ROUNDING, each
        assert each["largest_weight"] > 100 * each["largest_difference_from_float64"]


def test_json_says_what_was_measured_on_what(quick):
    result, file = quick
    assert result["versions"].keys() == {"python", "fusedstep", "numpy", "numba", "torch"}
    assert result["versions"]["numpy"] == np.__version__
    assert result["machine"]["cpu"]
    assert result["machine"]["cores"] >= 1
    assert result["threads"] == 1
    assert result["task"]["ids_per_picture"] == 64 + 64 * 63 // 2
    assert result["task"]["rows_occurring"] < result["task"]["table_rows"] == 2**20
    assert result["picture"] == str(file)


def test_the_picture_is_a_png_of_a_sensible_size(quick):
    content = quick[1].read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert 1000 <= width <= 4000
    assert 400 <= height <= 2000
    assert len(content) > 20_000


WITHOUT_TORCH = """
import sys
from fusedstep.cli import demo, main

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, NoTorch())
demo.QUICK = demo.Scope(3, (0.0, 1.0))
sys.exit(main.main(["demo", "--quick"]))
"""


def test_the_table_without_torch(tmp_path):
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH]
    environment = {**os.environ, "COLUMNS": "80"}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (finished.returncode, finished.stderr) == (0, "")
    printed = finished.stdout
    assert "PyTorch is not installed" in printed
    assert "torch.optim.SparseAdam  " not in printed
    assert all(len(line) <= 80 for line in printed.splitlines())
    for words in (
        "FusedSparseAdam",
        "FusedSparseLazyAdam",
        "FusedSparseProximalAdagrad",
        "ms per",
        "Picture: demo.png",
    ):
        assert words in printed
    assert (tmp_path / "demo.png").stat().st_size > 20_000


@pytest.mark.parametrize("missing", [("rich",), ("matplotlib",), ("sklearn",), ("rich", "matplotlib", "sklearn")])
def test_a_missing_package_is_one_sentence(without, missing, tmp_path, capsys):
    without(*missing)
    assert main(["demo", "--quick", "--output", str(tmp_path / "picture.png")]) == 2
    printed, error = capsys.readouterr()
    assert printed == ""
    assert error.count("\n") == 1
    assert 'pip install "fusedstep[demo]"' in error
    assert all(demo.PACKAGES[name] in error for name in missing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--threads", "0"], "'0', expected a whole number"),
        (["--threads", "two"], "'two', expected a whole number"),
        (["--output", "picture.xyz"], "'picture.xyz', expected a name that ends in .png"),
        (["--output", "nowhere/picture.png"], "expected a file in a folder that exists"),
    ],
)
def test_options_are_refused_before_any_work(arguments, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["demo", *arguments])
    assert left.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.usefixtures("threads")
def test_threads_are_set(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "QUICK", demo.Scope(2, (0.0,)))
    monkeypatch.setattr("fusedstep.demo.torch_optimizer.installed", list)
    assert main(["demo", "--quick", "--json", "--threads", "3", "--output", str(tmp_path / "picture.svg")]) == 0
    assert json.loads(capsys.readouterr().out)["threads"] == fs.get_num_threads() == 3


def test_an_interruption_is_quiet(tmp_path, monkeypatch, capsys):
    def interrupted(self, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fusedstep.demo.torch_optimizer.installed", list)
    monkeypatch.setattr("fusedstep.demo.reference.Reference.step", interrupted)
    assert main(["demo", "--quick", "--output", str(tmp_path / "picture.png")]) == 130
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_version_and_help():
    assert run("--version").stdout == f"fusedstep {fs.__version__}\n"
    assert "demo" in run("--help").stdout
    assert "--quick" in run("demo", "--help").stdout
    assert run("no-such-command").returncode == 2


def test_the_command_starts_light():
    heavy = "('numba', 'torch', 'rich', 'matplotlib', 'sklearn')"
    imports = "sys, fusedstep.cli.main, fusedstep.cli.demo, fusedstep.demo"
    code = f"import {imports}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_ids_name_pixels_and_pairs():
    greys = np.zeros((3, 64), np.int64)
    greys[1, 5] = 1  # shares its level with 0
    greys[2, 5] = 16
    ids = digits.hashed_ids(greys)
    assert ids.shape == (3, 2080)
    assert ids.min() >= 0
    assert ids.max() < digits.TABLE_ROWS
    assert np.array_equal(ids[0], ids[1])
    # One pixel and its 63 pairs.
    assert np.count_nonzero(ids[0] != ids[2]) == 64


def test_ids_are_spread_evenly():
    rows = digits.scatter(np.arange(digits.TABLE_ROWS // 16))
    assert len(np.unique(rows)) > 0.95 * len(rows)
    assert np.bincount(rows // (digits.TABLE_ROWS // 16), minlength=16).std() < 200


def test_the_error_is_the_gradient_of_the_loss():
    generator = np.random.default_rng(7)
    table, ids, labels = generator.standard_normal((50, 10)), generator.integers(0, 50, (4, 6)), np.array([3, 0, 9, 3])
    gradient = np.empty((24, 10))
    digits.spread(digits.softmax_errors(table, ids, labels), gradient)
    dense = np.zeros_like(table)
    np.add.at(dense, ids.reshape(-1), gradient)

    def loss(weights):
        scores = digits.logits(weights, ids)
        return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(4), labels]).sum()

    for row, column in ((ids[0, 0], 3), (ids[2, 5], 1)):
        nudge = np.zeros_like(table)
        nudge[row, column] = 1e-6
        assert dense[row, column] == pytest.approx((loss(table + nudge) - loss(table - nudge)) / 2e-6, abs=1e-6)


def test_batches_are_whole_and_repeatable():
    task = digits.load()
    first, second = digits.batches(task, 64, 30), digits.batches(task, 64, 30)
    assert [len(batch) for batch in first] == [64] * 30
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert len(np.unique(np.concatenate(first[:22]))) == 22 * 64
    assert np.intersect1d(task.train, task.test).size == 0


def test_a_package_that_is_not_installed_has_no_version():
    assert machine.version("no-such-package-of-any-index") is None
