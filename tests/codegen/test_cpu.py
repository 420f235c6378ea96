"""Machine code for the CPU: span functions, loops that Python runs too, threads and children that compile."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

import fusedstep as fs
from fusedstep.codegen.cpu import compile_lock as locks
from fusedstep.codegen.cpu import compiler, disk_cache, engine, functions, loops, symbols
from fusedstep.codegen.cpu.functions import SpanFunctions
from fusedstep.codegen.cpu.span_functions import step_function
from fusedstep.codegen.cpu.step_writer import StepWriter
from fusedstep.loops.cpu import catch_up_row as waking
from fusedstep.loops.cpu import (
    loop_named,
    memory,
)
from fusedstep.runtime.cpu import loops as loops_at_hand
from fusedstep.words import PerColumn, PerRow, column_mean, row_mean, row_sum, sqrt, tensor_sum, where
from tests import reference
from tests.forked import in_child

ROOT = Path(__file__).parents[2]
SCALARS = {"lr": 0.1, "beta": 0.75}


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


def rule_of_rows(var: Any, slot: PerRow, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    slot = slot + row_mean(grad * grad)
    return var - lr * grad / sqrt(slot), slot


def rule_of_columns(var: Any, slot: PerColumn, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    slot = slot + column_mean(grad * grad)
    return var - lr * grad / sqrt(slot + tensor_sum(row_sum(grad) * 0.5)), slot


@pytest.fixture
def loops_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """All loops as Python; span functions stay machine code."""
    monkeypatch.setattr(loops_at_hand, "loop", loop_named)


@pytest.mark.parametrize("indices", [None, [0, 0, 2, 3, 3], [4, 1, 4, 0, 1, 4], list(range(9, -1, -1)) * 3], ids=str)
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("row_stride", [3, 5], ids=["without gaps", "with gaps"])
@pytest.mark.parametrize("size", ["tiny", "split"])
def test_loops_do_the_same_by_python(
    indices: list[int] | None, rows: str, dtype: str, row_stride: int, size: str, request: pytest.FixtureRequest
) -> None:
    if size == "split":
        request.getfixturevalue("split_small")
    kind, random = reference.DTYPES[dtype], np.random.default_rng(3)
    start = [random.standard_normal((40, row_stride)).astype(kind) for _ in range(2)]
    grad = random.standard_normal((40 if indices is None else len(indices), 3)).astype(kind)
    named = None if indices is None else np.array(indices)

    def stepped() -> list[np.ndarray]:
        tables = [each.copy() for each in start]
        fs.Operator(momentum)(*(each[:, :3] for each in tables), grad, named, rows=rows, **SCALARS)
        return tables

    compiled = stepped()
    request.getfixturevalue("loops_by_python")
    for got, want in zip(stepped(), compiled, strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("named", [{}, {"indices": [4, 1, 4, 0]}, {"indices": [4, 1, 4, 0], "rows": "every"}], ids=str)
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("rule", [rule_of_rows, rule_of_columns])
def test_loops_of_rules_that_add_up_do_the_same_by_python(
    rule: Any, named: dict[str, Any], dtype: str, request: pytest.FixtureRequest
) -> None:
    if rule is rule_of_columns and named:
        pytest.skip("takes no indices")
    kind, random = reference.DTYPES[dtype], np.random.default_rng(3)
    start = [random.standard_normal(shape).astype(kind) for shape in ((2, 9, 40), (2, 1, 40) if not named else (2,))]
    if rule is rule_of_rows:
        start = [random.standard_normal(shape).astype(kind) for shape in ((7, 40), (7,))]
    grad = random.standard_normal((4, 40) if named else start[0].shape).astype(kind)

    def stepped() -> list[np.ndarray]:
        tables = [each.copy() for each in start]
        known = {**named, "indices": np.array(named["indices"])} if named else {}
        fs.Operator(rule, rounding="stochastic")(*tables, grad, step=3, lr=0.5, **known)
        return tables

    compiled = stepped()
    request.getfixturevalue("loops_by_python")
    for got, want in zip(stepped(), compiled, strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("method", ["series", "replay"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("row_stride", [3, 5], ids=["without gaps", "with gaps"])
def test_loops_over_deferred_rows_do_the_same_by_python(
    method: str, dtype: str, row_stride: int, request: pytest.FixtureRequest
) -> None:
    kind, random = reference.DTYPES[dtype], np.random.default_rng(3)
    start = [np.abs(random.standard_normal((200, row_stride)) * 10.0 ** -(4 * k)).astype(kind) for k in range(3)]
    # Betas of which no step counts for long: some rows sleep for more than a window, and are served no closed form.
    scalars = {"beta1": 0.1, "beta2": 0.9, "epsilon": 1e-3, "beta1_power": 0.1, "beta2_power": 0.9}
    named = [random.integers(0, 190, 40) for _ in range(40)]
    grads = [random.standard_normal((40, 3)).astype(kind) for _ in named]

    def stepped() -> list[np.ndarray]:
        tables = [each.copy() for each in start]
        rows = fs.DeferredRows(fs.rules.adam, *(each[:, :3] for each in tables), method=method)
        for number, (grad, indices) in enumerate(zip(grads, named, strict=True)):
            rows.step(grad, indices, lr=0.1 / (number + 1), **scalars)
            rows.catch_up(np.arange(number, 190, 40))
        rows.flush()
        return tables

    compiled = stepped()
    request.getfixturevalue("loops_by_python")
    for got, want in zip(stepped(), compiled, strict=True):
        reference.assert_same_bits(got, want)


def test_python_runs_the_loops_over_deferred_rows(loops_by_python: None, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int, int]] = []

    def take(function: int, block: int, row: int, kept: int, moved: int, asks: int) -> int:
        taken.append((kept, moved, asks))
        return memory.take_closed_form(function, block, row, kept, moved, asks)

    monkeypatch.setattr(waking, "take_closed_form", take)
    states = [np.full((20, 3), value) for value in (1.0, 1.0, 0.0)]
    rows = fs.DeferredRows(fs.rules.adam, *states)
    scalars = {"lr": 0.1, "beta1": 0.1, "beta2": 0.9, "epsilon": 0.0, "beta1_power": 0.1, "beta2_power": 0.9}
    for _ in range(60):
        rows.step(np.ones((1, 3)), np.array([0]), **scalars)
    rows.flush()
    # Where the root of v is 0 and epsilon too, no series serves: a window of steps, then the totals of no steps.
    window = rows._history.window
    assert window < 60
    assert taken == [(0, 0, 1), (window, 60, 0)] * 19


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


def rule_of_threads(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad * 1.25


def test_threads_that_need_a_function_at_once_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    program = fs.Operator(rule_of_threads).spec.program
    found: list[int] = []
    all_there = threading.Barrier(8)

    def compile_it() -> None:
        functions = SpanFunctions(program, ("float32",), "float32")
        all_there.wait()
        found.append(functions.stored)

    threads = [threading.Thread(target=compile_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def made(number: int) -> Any:
    """A rule that no cache holds."""
    program = fs.Operator(rule_of_threads).spec.program
    text = step_function(StepWriter(program, ("float64",), None, has_half=True))
    return engine.address_of(f"{text.name}_{number}", f"{text.text}; {number}", lambda symbol: code(text, symbol))


def code(text: Any, symbol: str) -> bytes:
    return compiler.object_code(text.text, text.name, symbol)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children of fork")
@pytest.mark.parametrize("with_numba", [False, True], ids=["span functions", "loops"])
def test_a_child_that_is_forked_while_a_thread_compiles_compiles_itself(
    with_numba: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    monkeypatch.setattr(disk_cache, "write_own", lambda path, content: None)
    ended = threading.Event()

    def compile_on() -> None:
        number = 0
        while not ended.is_set():
            if with_numba:
                compile_loop(number)
            else:
                made(number)
            number += 1

    thread = threading.Thread(target=compile_on)
    thread.start()
    try:
        for attempt in range(4):
            in_child(lambda number=-1 - attempt: compile_loop(number) if with_numba else made(number))  # type: ignore[misc]
    finally:
        ended.set()
        thread.join()


def compile_loop(number: int) -> None:
    from fusedstep.codegen.cpu import loops

    loops.translated.cache_clear()
    engine.address_of(f"dense_rows_{number}", str(number), lambda symbol: loops.object_code("dense_rows", symbol))


def test_an_interrupt_while_compiling_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> bytes:
        raise KeyboardInterrupt

    def rule(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - lr * grad * 0.8125

    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    var = np.ones(4)
    step = fs.Operator(rule)
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "object_code", interrupted)
        with pytest.raises(KeyboardInterrupt):
            step(var, np.ones(4), lr=1.0)
    assert var.tolist() == [1.0] * 4
    step(var, np.ones(4), lr=1.0)
    assert var.tolist() == [0.1875] * 4


SEVERAL = """
import numpy as np, fusedstep as fs, sys
for name in fs.rules.__all__:
    operator = fs.Operator(getattr(fs.rules, name))
    signature = operator.signature
    shapes = {"row": (4,), "column": (3,), "element": (4, 3), "": (4, 3)}
    states = [np.ones(shapes[kind], np.float32) for kind in operator.spec.kinds]
    scalars = dict.fromkeys(signature.scalars, 0.5) | signature.defaults
    if "touched_rows" in operator.loops:
        operator(*states, np.ones((2, 3), np.float32), np.array([1, 1]), **scalars)
        operator(*states, np.ones((2, 3), np.float32), np.array([2, 1]), rows="every", **scalars)
    operator(*states, np.ones((4, 3), np.float32), **scalars)
print(any(name.partition(".")[0] == "numba" for name in sys.modules))
"""


def test_rules_need_numba_only_for_loops_that_are_not_kept(tmp_path: Path) -> None:
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", SEVERAL], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]


CACHED = (loops_at_hand.loop, loops_at_hand.sum_functions, functions.loop, functions.sums)


def test_numba_compiles_each_loop_once_for_all_rules_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    by_numba, others = set(), set()

    def address_of(name: str, text: str, make: Any) -> int:
        (by_numba if text == loops.sources() else others).add((name, text))
        return 1

    monkeypatch.setattr(engine, "address_of", address_of)
    for kept in CACHED:
        kept.cache_clear()
    for rule in (getattr(fs.rules, name) for name in fs.rules.__all__):
        operator = fs.Operator(rule)
        used = sum(map(bool, operator.spec.kinds))
        for dtype in reference.DTYPES:
            for loop in operator.loops:
                operator.compile(loop, (dtype,) * used, dtype)
    for kept in CACHED:
        kept.cache_clear()
    assert 10 < len(by_numba) <= 40
    assert len(others) > 500


def test_a_dense_step_needs_no_loop(tmp_path: Path) -> None:
    # A rule that sees rows takes them one by one.
    program = SEVERAL.replace("    operator(*states", "    operator.spec.reduction_scope == 0 and operator(*states")
    program = program.replace("and operator(*states, np.ones((2", "and 0 and operator(*states, np.ones((2")
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "False"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children of fork")
def test_threads_may_fork_at_once() -> None:
    def fork_on() -> None:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

    def fork_in_threads() -> None:
        threads = [threading.Thread(target=fork_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not locks._held
        assert locks.compiling.acquire(blocking=False)

    in_child(fork_in_threads)


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


INTERRUPTED = """
import _thread, threading, time
import numpy as np
import fusedstep as fs
from fusedstep.codegen.cpu import disk_cache

disk_cache.read_own, disk_cache.write_own = lambda path: b"", lambda path, content: None

def rule_of(number):
    def rule(var, grad, *, lr):
        return var - lr * grad * number
    return rule

def press(seconds):
    time.sleep(seconds)
    _thread.interrupt_main()

# What an interrupt makes of an import is Python's affair.
fs.Operator(rule_of(2.0))(np.ones(5), np.ones(5), lr=0.5)
came = 0
for number in range(150):
    var, step = np.ones(5), fs.Operator(rule_of(1.0 + number / 256))
    pressing = threading.Thread(target=press, args=[0.0002 * number])
    try:
        pressing.start()
        step(var, np.ones(5), lr=0.5)
        pressing.join()
        time.sleep(0.01)
    except KeyboardInterrupt:
        came += 1
    pressing.join()
    assert var[0] in (1.0, 0.5 - number / 512), var
print(came)
"""


def test_interrupts_wait_while_llvm_works(tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(INTERRUPTED)
    said = subprocess.run([sys.executable, program], check=False, capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "150\n", "")
