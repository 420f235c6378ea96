"""Machine code for the CPU: what the text of a span function says, and its name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

import fusedstep as fs
from fusedstep.codegen.cpu import compiler, symbols
from fusedstep.codegen.cpu.build import SpanFunctions
from fusedstep.codegen.cpu.span_functions import step_function
from fusedstep.codegen.cpu.step_writer import StepWriter
from fusedstep.words import where
from tests import reference
from tests.loops.test_cpu import SCALARS, momentum


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 31, 32, 33, 1000])
@pytest.mark.parametrize("dtype", reference.DTYPES)
def test_nothing_beyond_a_span_is_touched(count: int, dtype: str) -> None:
    kind = reference.DTYPES[dtype]
    held = [np.full(count + 64, np.nan).astype(kind) for _ in range(3)]
    inside = [each[32 : 32 + count] for each in held]
    for each in inside:
        each[:] = 1
    fs.Operator(momentum)(inside[0], inside[1], inside[2], **SCALARS)
    for each in held:
        outside = np.concatenate([each[:32], each[32 + count :]]).astype(np.float64)
        assert np.isnan(outside).all()
        assert not np.isnan(each[32 : 32 + count].astype(np.float64)).any()


def quotients(var: Any, grad: Any, *, a: Any, b: Any) -> Any:
    return var * 0 + grad * (a / b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (-1.0, 0.0), (0.0, 0.0), (1e300, 1e-300), (1e300, 1.0), (1.0, 3.0)])
def test_what_scalars_come_to_is_rounded_once(a: float, b: float, dtype: Any) -> None:
    var, grad = np.ones(3, dtype), np.ones(3, dtype)
    with np.errstate(all="ignore"):
        expected = dtype(np.float64(a) / np.float64(b))
    fs.Operator(quotients)(var, grad, a=a, b=b)
    reference.assert_same_bits(var, np.full(3, expected))


def without_scalars(var: Any, grad: Any) -> Any:
    return var - grad


def test_a_rule_without_scalars() -> None:
    var = np.ones(5, np.float32)
    fs.Operator(without_scalars)(var, np.full(5, 0.25, np.float32))
    assert var.tolist() == [0.75] * 5


@pytest.mark.parametrize("cpu", [None, "generic", "nehalem"])
@pytest.mark.parametrize("features", [None, "", "+sse2"])
def test_variables_name_the_cpu_that_numba_compiles_for(
    cpu: str | None, features: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    said = "from numba.core import config, codegen; print(config.CPU_NAME, repr(config.CPU_FEATURES))"
    theirs = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True).stdout.split()
    ours = compiler.host.__wrapped__()
    assert theirs[0] == str(cpu)
    assert ours.name == (cpu or binding.get_host_cpu_name())
    assert theirs[1] == repr(None if ours.features == binding.get_host_cpu_features().flatten() else ours.features)


def rule_named(name: str) -> Any:
    def step(größe: Any, grad: Any, *, λ: Any) -> Any:
        δ = λ * grad
        return größe - δ

    step.__name__ = name
    return step


NAMES = ["größter_schritt", "n" * 300, "ü" * 100, "../of/folders", "of\nlines", 'quo"ted\\', "llvm.sqrt.f32", ""]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_has_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", str(tmp_path / "kept"))
    var = np.ones(3, np.float32)
    fs.Operator(rule_named(name))(var, var / 4, λ=2.0)
    assert var.tolist() == [0.5] * 3
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".bin"}
    assert len(list(tmp_path.iterdir())) == 1


def test_no_instruction_is_fused_nor_fast() -> None:
    program = fs.Operator(fs.rules.adam).spec.program
    for gradient in ("float32", None):
        text = step_function(StepWriter(program, ("float32",) * 3, gradient, has_half=True)).text
        assert " fast " not in text
        assembly = compiler.assembly(text).lower()
        assert "fmadd" not in assembly
        assert "rsqrt" not in assembly


def test_a_gradient_in_the_compute_type_needs_no_function_of_its_own() -> None:
    program = fs.Operator(momentum).spec.program
    functions = SpanFunctions(program, ("float32", "float32"), "float32")
    assert functions.stored == functions.summed
    narrow = SpanFunctions(program, ("bfloat16", "float32"), "bfloat16")
    assert narrow.stored != narrow.summed


def test_what_decides_on_machine_code_is_in_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = symbols.symbol_of("step", "text")
    assert symbols.symbol_of("step", "other text") != before
    for changed in (compiler.host()._replace(name="haswell"), compiler.host()._replace(features="+f16c")):
        with monkeypatch.context() as patch:
            patch.setattr(compiler, "host", lambda changed=changed: changed)
            compiler.made_for.cache_clear()
            assert symbols.symbol_of("step", "text") != before
    compiler.made_for.cache_clear()
    # How the compiler is asked: the file that does.
    assert Path(compiler.__file__).read_text() in compiler.made_for()


def chosen_by_numbers(var: Any, grad: Any, *, lr: Any) -> Any:
    return where(grad, var, -var) + where(lr, 1.0, 2.0)


@pytest.mark.parametrize("lr", [0.0, 0.5, float("nan")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_is_a_condition_as_to_numpy(lr: float, dtype: Any) -> None:
    var, grad = np.arange(1, 6, dtype=dtype), np.array([0.0, -0.0, 1.0, -2.0, np.nan], dtype)
    expected = chosen_by_numbers(var.copy(), grad, lr=lr)
    fs.Operator(chosen_by_numbers)(var, grad, lr=lr)
    reference.assert_same_bits(var, expected.astype(dtype))


@pytest.mark.parametrize("name", ["βeta", "a" * 300, "block", "entry", "element", "gradient"])
def test_rules_and_their_arguments_may_have_any_name(name: str, tmp_path: Path) -> None:
    # What is inside has the names of what the LLVM text has, too.
    text = f"def {name}(var, count, i, grad, *, λ):\n    row = count + grad\n    return var - λ * row, row, i + 1\n"
    (tmp_path / "some_rule.py").write_text(text, encoding="utf-8")
    program = (
        "import warnings; warnings.simplefilter('error')\n"
        f"import numpy as np, fusedstep as fs, some_rule\n"
        f"states = [np.ones(3) for _ in range(3)]\n"
        f"fs.Operator(getattr(some_rule, {name!r}))(*states, np.full(3, 0.5), λ=0.5)\n"
        "print([state[0] for state in map(np.ndarray.tolist, states)])\n"
    )
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path / "cache"), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "[0.25, 1.5, 2.0]"


FAST = ("fast", "contract", "reassoc", "nnan", "ninf", "nsz", "arcp", "afn", "fmuladd", "llvm.fma")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_no_text_has_flags_that_change_bits(dtype: str) -> None:
    for name in fs.rules.__all__:
        operator = fs.Operator(getattr(fs.rules, name))
        functions = SpanFunctions(operator.spec.program, (dtype,) * len(operator.spec.program.signature.states), dtype)
        closed = (operator.closed_form, operator.switches) if operator.closed_form else None
        texts = [functions.text(*key) for loop in operator.loops for _, key in functions.called_by(loop, closed)]
        for function in texts:
            words = function.text.replace("(", " ").split()
            assert not set(FAST) & set(words), name


def test_a_state_that_is_only_read_is_not_copied() -> None:
    def scaled(var: Any, scale: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
        return var - lr * scale * grad, scale

    var, scale = np.ones((4, 2)), np.full((4, 2), 0.5)
    scale.flags.writeable = False
    fs.Operator(scaled)(var, scale, np.ones((4, 2)), lr=0.5)
    fs.Operator(scaled)(var, scale, np.ones((2, 2)), np.array([1, 1]), lr=0.5)
    assert var.tolist() == [[0.75, 0.75], [0.25, 0.25], [0.75, 0.75], [0.75, 0.75]]
