"""``fusedstep ops``: the list, an explanation of each operator and rule, and their kernels."""

import ast
import dataclasses
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from llvmlite import binding

import fusedstep as fs
from fusedstep import rules
from fusedstep.cli.main import main
from fusedstep.codegen.rule.signature import read_signature
from fusedstep.operators import catalogue
from fusedstep.storage import STORAGES

ENTRIES = {entry.name: entry for entry in catalogue.ENTRIES}
NAMES = [*ENTRIES, *rules.__all__]
LOOPS = {None: "dense", "touched": "touched_rows", "every": "every_row"}


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["ops", *words]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["ops", *words])
    assert left.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    return error


def test_the_list_has_every_operator_once_and_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()
    assert max(map(len, lines)) <= 80
    for entry in catalogue.ENTRIES:
        rows = entry.rows or "dense"
        assert len([line for line in lines if re.fullmatch(rf"  {entry.name} +{rows}", line)]) == 1
    for name in rules.__all__:
        assert len([line for line in lines if line.startswith(f"{name} (")]) == 1


def test_rules_without_an_operator_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "ENTRIES", [entry for entry in catalogue.ENTRIES if entry.rule is not rules.adam])
    _, alone = printed(capsys).split("Rules without a documented operator")
    assert "\nadam (var, m, v)\n" in alone
    assert "\nproximal_adagrad " not in alone


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_is_whole_and_readable(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, name)
    assert max(map(len, text.splitlines())) <= 80
    assert "\033" not in text
    assert not re.search(r":math:|``|\\[a-zA-Z]|\\\\|[{}]\s*\\", text)
    for title in ("Formula", "Code", "Example", "Source"):
        assert re.search(rf"^{title}\n  \S", text, re.M), title
    if name in ENTRIES:
        entry = ENTRIES[name]
        for argument in [*catalogue.constructor(entry).parameters, *catalogue.call(entry).parameters]:
            # The meaning stands beside the name, or below a long one. Names may share it.
            assert re.search(rf"^  (?:\w+, )*{argument}(?:, \w+)*(?:  +|\n +)\S", text, re.M), argument
        for library in entry.differs:
            assert re.search(rf"^  {library} +\S", text, re.M), library
    else:
        signature = read_signature(getattr(rules, name))
        for argument in (*signature.states, signature.gradient, *signature.scalars, *signature.switches):
            assert re.search(rf"^  (?:\w+, )*{argument}(?:, \w+)*(?:  +|\n +)\S", text, re.M), argument


def test_a_name_may_be_written_in_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "fusedsparseadam") == printed(capsys, "FusedSparseAdam")
    assert printed(capsys, "PROXIMAL_adagrad") == printed(capsys, "proximal_adagrad")


def test_where_an_operator_and_a_rule_differ_only_in_case_each_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = dataclasses.replace(ENTRIES["FusedSparseAdam"], name="Adam")
    monkeypatch.setattr(catalogue, "ENTRIES", [renamed])
    monkeypatch.setitem(catalogue.OPERATORS, "Adam", catalogue.OPERATORS["FusedSparseAdam"])
    assert printed(capsys, "Adam").startswith("fusedstep.ops.Adam\n")
    assert printed(capsys, "adam").startswith("fusedstep.rules.adam\n")


def test_an_unknown_name_is_answered_with_close_ones(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, "FusedSparsAdam")
    assert "'FusedSparsAdam' is neither an operator nor a rule; similar names: FusedSparseAdam" in error
    assert "'fusedstep ops' lists them" in refused(capsys, "zzzzz")


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_what_the_operators_loop_calls(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, name, "--source")
    rule = ENTRIES[name].rule if name in ENTRIES else getattr(fs.rules, name)
    loop = LOOPS[ENTRIES[name].rows] if name in ENTRIES else "dense"
    operator = fs.Operator(rule)
    if operator.loops == ("whole_tensor",):
        suffixes = [f"float32.stage_{stage}" for stage in range(operator.spec.program.stages)]
    else:
        suffixes = ["float32", *["zero"] * (loop == "every_row")]
    assert list(functions_in(text)) == [f"{rule.__name__}_{each}" for each in ("prepare", *suffixes)]


def functions_in(text: str) -> dict[str, Any]:
    """The functions of a listing, each in a module that LLVM takes."""
    found = {}
    for each in re.split("^; ModuleID = .*$", text, flags=re.MULTILINE)[1:]:
        module = binding.parse_assembly(each)
        module.verify()
        outside = [each for each in module.functions if not each.is_declaration and each.name != "rule.elements"]
        found |= {each.name: module for each in outside}
    return found


@pytest.mark.parametrize("loop", [*LOOPS.values(), "deferred_rows"])
@pytest.mark.parametrize("dtype", STORAGES)
def test_the_source_is_of_the_loop_and_type_asked_for(
    loop: str, dtype: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "FusedSparseLazyAdam", "--source", "--loop", loop, "--dtype", dtype)
    summed = STORAGES[dtype].compute if STORAGES[dtype].is_narrow else None
    forms = ["prepare", dtype, *([summed] if summed and loop != "dense" else [])]
    forms += ["zero"] * (loop in ("every_row", "deferred_rows"))
    closed = ["moments_idle"] * (loop == "deferred_rows")
    assert list(functions_in(text)) == [*(f"adam_{form}" for form in forms), *closed]


def test_the_source_holds_the_statements_of_the_rule(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "adam", "--source")
    # As its program says them, and under the same names in LLVM's text.
    assert "; scalars[1] = 1.0 - beta1__" in text
    assert "; m_0_ = scalars[0] * m__ + scalars[1] * grad__" in text
    assert re.search(r"%m_0_ = fadd float", text)
    assert re.search(r"%grad__ = load float", text)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_assembly_is_that_of_the_functions(dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "FusedSparseAdam", "--asm", "--dtype", dtype)
    for form in ("prepare", dtype, "zero"):
        assert f"\nadam_{form}:\n" in text
    assert "--asm shows the CPU's code" in refused(capsys, "adam", "--asm", "--backend", "gpu")
    assert "not allowed with" in refused(capsys, "adam", "--asm", "--source")
    assert "need the NAME" in refused(capsys, "--asm")


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_woven_for_what_is_asked_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for backend, words in {"gpu": "import triton.language as tl", "jax": "def rule("}.items():
        text = printed(capsys, name, "--source", "--backend", backend)
        assert words in text
        ast.parse(text)


def test_the_source_needs_a_name_and_known_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert "need the NAME" in refused(capsys, "--source")
    assert "invalid choice" in refused(capsys, "adam", "--source", "--loop", "sideways")
    assert "invalid choice" in refused(capsys, "adam", "--source", "--dtype", "int8")
    assert "invalid choice" in refused(capsys, "adam", "--source", "--backend", "abacus")


def test_it_needs_no_extra_and_survives_a_reader_who_leaves() -> None:
    script = (
        "import sys; sys.modules |= dict.fromkeys(['rich', 'matplotlib', 'sklearn', 'torch']); "
        "from fusedstep.cli.main import main; sys.exit(main(['ops', 'adam']))"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as closed:
        left = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (left.returncode, left.stderr) == (0, "")
    stayed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (stayed.returncode, stayed.stderr) == (0, "")
    assert stayed.stdout.startswith("fusedstep.rules.adam\n")


def test_a_rule_that_adds_up_more_than_rows_has_one_loop(capsys: pytest.CaptureFixture[str]) -> None:
    assert "lamb_float32.stage_0:" in printed(capsys, "lamb", "--asm")
    assert "lamb adds up more than rows" in refused(capsys, "lamb", "--source", "--loop", "dense")


def test_jax_has_no_loop_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "adam", "--source", "--backend", "jax", "--loop", "deferred_rows")
    assert "--loop deferred_rows: JAX runs a rule on whole arrays, without loops; leave out --loop" in said


def test_arguments_with_one_sentence_stand_together(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "FusedSparseAdam")
    assert re.search(r"\n  beta1_power, beta2_power\n +beta1\*\*t and beta2\*\*t", text)
    assert text.count("beta1**t and beta2**t") == 1


@pytest.mark.parametrize("entry", catalogue.ENTRIES, ids=lambda entry: entry.name)
def test_what_an_operator_returns_is_said(entry: catalogue.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(printed(capsys, entry.name).split())
    assert ("Returns: the states, the same objects." in text) == (not entry.creates)
    for name in entry.creates:
        assert not re.search(rf"States, updated in place: [^.]*\b{name}\b", text)
