"""Exported functions: linked into C programs for this machine and, in an emulator, for others; the host's bits."""

from array import array
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

import fusedstep as fs
from fusedstep.cli.export import switched
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
from tests.rules.test_words import of_tanh

SHAPES = [(0,), (1,), (7,), (33,), (130,)]
SHORT = ["exact_words-float64", "exact_words-float32", "exact_words-float16", "exact_words-bfloat16"]
SHORT += ["adam-float32", "adam-float16", "adagrad-float64", "proximal_adagrad-bfloat16", "lion-float32"]
SHORT += ["torch_sgd-float16", "rmsprop-float32", "adadelta-float64"]
SHORT += ["whole_numbers-float64", "whole_numbers-float32", "whole_numbers-bfloat16"]
# Of rules that add up: rows that lanes do not divide, none, one and many blocks, several matrices, and flat chunks.
SUMMED = {1: [(0,), (1,), (9001,)], 2: [(0, 4), (1, 1), (37, 5), (150, 33)], 3: [(5, 0), (37, 5), (3, 150, 33)]}
SHORT_SUMS = ["rowwise_adagrad-0-bfloat16", "lamb-0-float16", "adafactor-1-float32"]
SHORT_SUMS += ["largest_of_rows-0-float64", "extremes-0-float32"]


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


@pytest.mark.parametrize("target", TARGETS)
def test_the_bits_of_tanh(target: str, tmp_path: Path) -> None:
    check(target, [Case(of_tanh, {}, {}, (dtype,), f"tanh_{dtype}", SHAPES) for dtype in reference.DTYPES], tmp_path)


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


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 37, 5), (3, 150, 33), (2, 9001, 4)], ids=str)
@pytest.mark.parametrize("sums", [(0, 1, 0), (2, 0, 1), (1, 3, 2)], ids=str)
def test_the_workspace_is_as_large_as_the_sums_in_it(sizes: tuple[int, ...], sums: tuple[int, ...]) -> None:
    (matrices, rows, _), (row_sums, _, _) = sizes, sums
    memory = np.full(whole_step.workspace_items(*sizes, *sums), np.nan)
    call = array("q", bytes(layout.ITEM * layout.STATES))
    call[layout.MATRICES], call[layout.MATRIX_ROWS], call[layout.WIDTH] = sizes
    # The last sum by matrix and the first by column are maxima.
    maxima = (1 << sums[1]) >> 1, int(sums[2] > 0)
    whole_step.place_sums(call.buffer_info()[0], memory.ctypes.data, *sums, *maxima)
    end = call[layout.ROW_SUMS] + layout.ITEM * row_sums * matrices * rows
    assert end == memory.ctypes.data + memory.nbytes
    partials = memory[: (call[layout.MATRIX_SUMS] - memory.ctypes.data) // layout.ITEM]
    by_matrix, by_column = np.split(partials, [(call[layout.PARTIAL_COLUMN_SUMS] - memory.ctypes.data) // layout.ITEM])
    for count, bits, numbers in ((sums[1], maxima[0], by_matrix), (sums[2], maxima[1], by_column)):
        for which, each in enumerate(np.split(numbers, count) if count else []):
            assert (each == (-np.inf if bits >> which & 1 else 0)).all()
