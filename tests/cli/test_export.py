"""``fusedstep export``: names, headers, rules in files, and what is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fusedstep.cli.main import main


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["export", *words])
    assert left.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    return error


def test_what_cannot_be_exported_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    at = ("--output", str(tmp_path))
    assert "is neither an operator nor a rule; similar names: " in refused(capsys, "adamm", *at)
    assert "expected a rule; its rule: adam" in refused(capsys, "FusedSparseAdam", *at)
    assert "no known target; expected a triple such as" in refused(capsys, "adam", "--target", "abacus", *at)
    assert "LLVM does not know" in refused(capsys, "adam", "--target", "riscv64-linux-gnu", "--cpu", "abacus", *at)
    assert "invalid choice" in refused(capsys, "adam", "--states", "int8", *at)
    assert "give one for all, or one for each" in refused(capsys, "adam", "--states", "float32", "float16", *at)
    assert "float64 cannot be combined with another" in refused(capsys, "lion", "--states", "float32", "float64", *at)
    assert "it is float16 or float32" in refused(capsys, "lion", "--states", "float16", "--gradient", "bfloat16", *at)
    assert "has no such switch" in refused(capsys, "adam", "--switch", "sideways=true", *at)
    assert "expected NAME=true" in refused(capsys, "adam", "--switch", "nesterov=1", *at)
    assert "no digit first" in refused(capsys, "adam", "--name", "1st", *at)
    for name in ("int", "main", "exp", "powf", "INT64_MAX", "xor_eq"):
        assert "has another meaning in C or C++" in refused(capsys, "adam", "--name", name, *at)
    assert "expected a folder" in refused(capsys, "adam", "--output", str(file))
    assert "is not a file" in refused(capsys, f"{tmp_path / 'none.py'}:rule", *at)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["elements", "whole_step", "reduce_partials", "adam_float32"])
def test_any_name_will_do(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["export", "adam", "--name", name, "--output", str(tmp_path)]) == 0
    assert f"void {name}(" in (tmp_path / f"{name}.h").read_text(encoding="utf-8")
    capsys.readouterr()


def test_what_cannot_be_written_is_said_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "adam.h").mkdir()
    error = refused(capsys, "adam", "--name", "adam", "--output", str(tmp_path))
    assert error.splitlines()[-1].endswith(
        "adam.h' cannot be written: Is a directory; name another folder with --output"
    )
    assert "expected a folder, or a new one in a folder" in refused(capsys, "adam", "--output", str(tmp_path / "no/no"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert "may not be written to" in refused(capsys, "adam", "--output", str(closed))


def test_a_rule_of_ones_own_in_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = 'def own(var, new, grad, *, λ, double, count=1.0):\n    """Own */ rule."""\n    return var - λ * grad, new\n'
    (tmp_path / "rules.py").write_text(text, encoding="utf-8")
    assert main(["export", f"{tmp_path / 'rules.py'}:own", "--output", str(tmp_path), "--name", "step"]) == 0
    assert "bytes of code" in capsys.readouterr().out
    written = (tmp_path / "step.h").read_text(encoding="utf-8")
    assert "own: Own * / rule." in written
    assert "void step(float *var, const float *grad, int64_t count, double _, double double_," in written
    assert "double count_);" in written
    assert "has no function 'other'; its functions: own" in refused(capsys, f"{tmp_path / 'rules.py'}:other")


@pytest.mark.skipif(not shutil.which("c++"), reason="no compiler of C++")
def test_a_header_is_one_of_cpp_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fusedstep", "export", "adam", "--states", "bfloat16", "float32", "float16"]
    subprocess.run([*command, "--output", str(tmp_path)], check=True, capture_output=True)
    text = '#include "fusedstep_adam.h"\n#include "fusedstep_adam.h"\nauto step = fusedstep_adam;\n'
    (tmp_path / "user.cpp").write_text(text)
    strict = ["c++", "-Wall", "-Wextra", "-Werror", "-c", "user.cpp"]
    ended = subprocess.run(strict, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
