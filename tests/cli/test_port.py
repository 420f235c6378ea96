"""``fusedstep port``: what it prints, and its exit status."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fusedstep.cli.main import main

SERVED = "from mindspore import nn\nnn.FTRL(params)\n"
UNSERVED = "from mindspore import nn\nnn.Rprop(params)\n"


def written(folder: Path, source: str | bytes, name: str = "program.py") -> str:
    file = folder / name
    file.write_bytes(source if isinstance(source, bytes) else source.encode())
    return str(file)


@pytest.mark.parametrize(("source", "status"), [(SERVED, 0), (UNSERVED, 1), ("", 0), ("import torch\n", 0)])
def test_the_status_says_whether_everything_is_served(
    source: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, source)
    assert main(["port", file]) == status
    out, error = capsys.readouterr()
    assert out.startswith(f"{file}\n")
    assert error == ""
    assert main(["port", "--json", file]) == status
    assert json.loads(capsys.readouterr().out)["served"] is (status == 0)


def test_several_files_are_one_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [written(tmp_path, SERVED), written(tmp_path, UNSERVED, "other.py")]
    assert main(["port", *files]) == 1
    out = capsys.readouterr().out
    assert all(f"{file}\n" in out for file in files)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import mindspore\nprint 1\n", 2),
        ("x = 1\n\ndef (:\n", 3),
        (b"import mindspore\nname = '\xff'\n", 2),
        (b"import mindspore\0\n", 1),
        ("(" * 5000, 1),
        ("x = " + "-" * 100_000 + "1\n", 1),
    ],
    ids=["python2", "syntax", "encoding", "null", "parentheses", "depth"],
)
def test_a_file_that_is_no_program_is_refused_with_its_line(
    source: str | bytes, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, source)
    assert main(["port", written(tmp_path, SERVED, "good.py"), file]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"fusedstep port: {file}:{line}: ")
    assert error.count("\n") == 1


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for missing, why in ((tmp_path / "none.py", "No such file"), (tmp_path, "Is a directory")):
        assert main(["port", str(missing)]) == 2
        assert f"fusedstep port: {missing} cannot be read: {why}" in capsys.readouterr().err


def test_a_file_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["port"])
    assert left.value.code == 2
    assert "FILE.py" in capsys.readouterr().err


def test_nothing_heavy_is_imported_and_nothing_is_run(tmp_path: Path) -> None:
    file = written(tmp_path, SERVED + f"open({str(tmp_path / 'left')!r}, 'w')\n")
    script = (
        "import sys\nfrom fusedstep.cli.main import main\n"
        f"status = main(['port', {file!r}])\n"
        "print(status, *[each for each in ('numba', 'llvmlite', 'torch', 'mindspore') if each in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "0"
    assert not (tmp_path / "left").exists()


def test_a_reader_may_close_the_pipe(tmp_path: Path) -> None:
    file = written(tmp_path, "from mindspore import ops\n" + "ops.ApplyFtrl()\n" * 5000)
    command = f"{sys.executable} -m fusedstep port {file} | head -n 1"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    assert ended.stdout == f"{file}\n"
    assert ended.stderr == ""


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("program", "status", "refused"),
    [
        ("train_one_step", 0, []),
        ("wide_and_deep", 1, [("ms.set_context", "not served"), *[("nn.EmbeddingLookup", "check")] * 2]),
        ("sparse_embedding", 1, [("ms.jit", "not served")]),
    ],
)
def test_the_programs_of_the_guide_are_told_what_changes(
    program: str, status: int, refused: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = (str(ROOT / "examples" / "mindspore" / f"{program}_{which}.py") for which in ("before", "after"))
    assert main(["port", "--json", before]) == status
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [(each["text"], each["verdict"]) for each in lines if each["verdict"] != "served"] == refused
    assert any(each["becomes"] == "fusedstep.mindspore.nn.LazyAdam" for each in lines) or status == 0
    assert main(["port", "--json", after]) == 0


def test_the_guide_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "mindspore.md").read_text(encoding="utf-8")
    shown = re.findall(r"```console\n\$ fusedstep (port .*)\n((?s:.*?))```", page)
    assert shown
    for command, text in shown:
        main(command.split())
        assert capsys.readouterr().out == text
