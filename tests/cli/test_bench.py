"""The options of ``fusedstep bench``."""

import sys
from pathlib import Path

import pytest

from fusedstep.bench import catalogue
from fusedstep.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["FusedSparsAdam"], "'FusedSparsAdam' is not a work; similar works: FusedSparseAdam"),
        (["zzzz"], "'fusedstep bench --list' lists all"),
        (["--rounds", "0"], "expected a whole number of at least 1"),
        (["--json", "nowhere/file.json"], "expected a file in a folder that exists"),
        (["--plot", "nowhere/pictures"], "expected a folder, or a new one in a folder"),
        (["--plot", "file"], "expected a folder"),
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
