"""Exported functions: linked into C programs for this machine and, in an emulator, for others; the host's bits."""

import os
import shutil
import subprocess
import sys
from array import array
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

import fusedstep as fs
from fusedstep.cli.export import switched
from fusedstep.cli.main import main
from fusedstep.codegen.cpu import compiler
from fusedstep.codegen.cpu.exported import texts_of
from fusedstep.codegen.cpu.exported_arguments import Exported, extents_of
from fusedstep.codegen.cpu.targets import NEEDED, processor_of
from fusedstep.loops.cpu import block as layout
from fusedstep.loops.cpu import whole_step
from tests import reference
from tests.exported_programs import ALL_TARGETS, TARGETS, Case, check
from tests.instruction_sets import EXACT
from tests.rules import test_rules_with_sums
from tests.rules.test_rules import RULES, assert_near

SHAPES = [(0,), (1,), (7,), (33,), (130,)]
SHORT = ["exact_words-float64", "exact_words-float32", "exact_words-float16", "exact_words-bfloat16"]
SHORT += ["adam-float32", "adam-float16", "adagrad-float64", "proximal_adagrad-bfloat16", "lion-float32"]
SHORT += ["torch_sgd-float16", "rmsprop-float32", "adadelta-float64"]
# Of rules that add up: rows that lanes do not divide, none, one and many blocks, several matrices, and flat chunks.
SUMMED = {1: [(0,), (1,), (9001,)], 2: [(0, 4), (1, 1), (37, 5), (150, 33)], 3: [(5, 0), (37, 5), (3, 150, 33)]}
SHORT_SUMS = ["rowwise_adagrad-0-bfloat16", "lamb-0-float16", "adafactor-1-float32"]


def cases(names: list[str]) -> list[Case]:
    """The cases of some rules and types; of all, with every setting of their switches, where none are named."""
    found = []
    for name, row in EXACT.items():
        for dtype in reference.DTYPES:
            if names and f"{name}-{dtype}" not in names:
                continue
            for number, switches in enumerate(row.settings[:1] if names else row.settings):
                known = row.rule, row.scalars, switches, (dtype,), f"{name}_{dtype}_{number}", SHAPES
                found.append(Case(*known, frozenset(row.positive)))
    return found


def sums(names: list[str]) -> list[Case]:
    """The cases of some rules that add up; of all of them, in every type, where none are named."""
    found = []
    for number, row in enumerate(test_rules_with_sums.ROWS):
        if "lr_power" in row.scalars:
            # A power is no more exact than the target's own library.
            continue
        extents = len(extents_of(switched(row.rule, row.switches)))
        like = [each.rule for each in test_rules_with_sums.ROWS[:number]].count(row.rule)
        for dtype in reference.DTYPES:
            if not names or f"{row.rule.__name__}-{like}-{dtype}" in names:
                symbol = f"{row.rule.__name__}_{like}_{dtype}"
                positive = frozenset(fs.Operator(row.rule).signature.states[1:])
                known = row.rule, row.scalars, row.switches, (dtype,), symbol, SUMMED[extents], positive
                found.append(Case(*known, special=False))
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_the_bits_of_the_operator(target: str, tmp_path: Path) -> None:
    given = cases(SHORT)
    assert len(given) == len(SHORT)
    check(target, given, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_the_bits_of_rules_that_add_up(target: str, tmp_path: Path) -> None:
    given = sums(SHORT_SUMS)
    assert len(given) == len(SHORT_SUMS)
    check(target, given, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ALL_TARGETS)
def test_the_bits_of_every_rule_that_adds_up(target: str, tmp_path: Path) -> None:
    check(target, sums([]), tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ALL_TARGETS)
def test_the_bits_of_every_exact_rule(target: str, tmp_path: Path) -> None:
    check(target, cases([]), tmp_path)


def near_the_rule(case: Case, before: list[np.ndarray], after: list[np.ndarray], what: str) -> None:
    """Within what ``test_rules`` says of NumPy's results: exp, log and powers are the target's own."""
    row = next(row for row in RULES if row.rule is case.rule)
    *states, gradient = before
    kind = reference.compute_type(states[0])
    new = reference.step(case.rule, states, gradient, None, "touched", case.scalars, case.switches, kind)
    unit = 2.0 ** (-53 if kind == np.float64 else -24)
    for name, start, got, want in zip(row.states, states, after, new, strict=False):
        assert_near(start, got, want.astype(np.float64), row.inexact[case.dtypes[0]] * unit, f"{what}: {name}")


@pytest.mark.parametrize("target", TARGETS)
def test_rules_of_powers_are_near_the_rule(target: str, tmp_path: Path) -> None:
    given = []
    for rule, dtype in ((fs.rules.ftrl, "float32"), (fs.rules.power_sign, "float64"), (fs.rules.radam, "float64")):
        row = next(row for row in RULES if row.rule is rule)
        known = rule, row.scalars, row.settings[0], (dtype,), rule.__name__, [(130, 3)], frozenset(row.positive)
        given.append(Case(*known, special=False))
    check(target, given, tmp_path, near_the_rule)


@pytest.mark.parametrize("target", TARGETS)
def test_mixtures_and_switches(target: str, tmp_path: Path) -> None:
    row, mixed = EXACT["adam"], ("bfloat16", "float32", "float32")
    known = row.rule, row.scalars
    given = [
        Case(*known, {}, mixed, "stored", [(33,)], frozenset(row.positive)),
        Case(*known, {"maximize": True}, mixed, "opposite", [(33,)], frozenset(row.positive), gradient="float32"),
        Case(*known, {}, ("float16", "float32", "bfloat16"), "three", [(33,)], frozenset(row.positive)),
    ]
    check(target, given, tmp_path)


@pytest.mark.parametrize(("target", "features"), [("host", "+f16c"), ("riscv64", "+zfhmin")])
def test_float16_by_the_processors_instructions(
    target: str, features: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As this emulator spells it; others spell it small.
    monkeypatch.setenv("QEMU_CPU", "rv64,Zfhmin=true")
    if target == "host" and not binding.get_host_cpu_features().get("f16c"):
        pytest.skip("this CPU has no instructions for float16")
    row = EXACT["exact_words"]
    case = Case(row.rule, row.scalars, {}, ("float16",), "step", SHAPES, features=features)
    check(target, [case], tmp_path)


@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("architecture", NEEDED)
def test_nothing_is_fused_nor_left_to_a_library(architecture: str, dtype: str) -> None:
    processor, program = processor_of(f"{architecture}-linux-gnu"), switched(fs.rules.adam, {})
    (text,) = texts_of(Exported(program, (dtype,) * 3, dtype, "step", processor))
    written = compiler.assembly(text, processor).lower()
    for word in ("fmadd", "fmla", "fmsub", "fnm", "xvmadd", "xsmadd", "madb", "maeb", "hfsf2", "sfhf2", "rsqrt"):
        assert word not in written, word


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
    assert "is no operator and no rule; close to it: " in refused(capsys, "adamm", *at)
    assert "expected a rule; its rule: adam" in refused(capsys, "FusedSparseAdam", *at)
    assert "no known target; expected a triple such as" in refused(capsys, "adam", "--target", "abacus", *at)
    assert "LLVM does not know" in refused(capsys, "adam", "--target", "riscv64-linux-gnu", "--cpu", "abacus", *at)
    assert "invalid choice" in refused(capsys, "adam", "--states", "int8", *at)
    assert "give one for all, or one for each" in refused(capsys, "adam", "--states", "float32", "float16", *at)
    assert "float64 stands beside no other" in refused(capsys, "lion", "--states", "float32", "float64", *at)
    assert "it is float16 or float32" in refused(capsys, "lion", "--states", "float16", "--gradient", "bfloat16", *at)
    assert "has no such switch" in refused(capsys, "adam", "--switch", "sideways=true", *at)
    assert "expected NAME=true" in refused(capsys, "adam", "--switch", "nesterov=1", *at)
    assert "no digit first" in refused(capsys, "adam", "--name", "1st", *at)
    for name in ("int", "main", "exp", "powf", "INT64_MAX", "xor_eq"):
        assert "has for something else" in refused(capsys, "adam", "--name", name, *at)
    assert "expected a folder" in refused(capsys, "adam", "--output", str(file))
    assert "is no file" in refused(capsys, f"{tmp_path / 'none.py'}:rule", *at)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 37, 5), (3, 150, 33), (2, 9001, 4)], ids=str)
@pytest.mark.parametrize("sums", [(0, 1, 0), (2, 0, 1), (1, 3, 2)], ids=str)
def test_the_workspace_is_as_large_as_the_sums_in_it(sizes: tuple[int, ...], sums: tuple[int, ...]) -> None:
    (matrices, rows, _), (row_sums, _, _) = sizes, sums
    memory = np.full(whole_step.workspace_items(*sizes, *sums), np.nan)
    call = array("q", bytes(layout.ITEM * layout.STATES))
    call[layout.MATRICES], call[layout.MATRIX_ROWS], call[layout.WIDTH] = sizes
    whole_step.place_sums(call.buffer_info()[0], memory.ctypes.data, *sums)
    end = call[layout.ROW_SUMS] + layout.ITEM * row_sums * matrices * rows
    assert end == memory.ctypes.data + memory.nbytes
    assert not np.nan_to_num(memory).any()


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
