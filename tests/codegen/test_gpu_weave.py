"""The text that is woven for devices."""

import re
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.gpu.weave import weave, weave_mark, weave_numbers
from fusedstep.codegen.gpu.weave_history import weave_append, weave_begin
from fusedstep.codegen.recipe import Recipe
from fusedstep.codegen.rule.program import ReductionScope
from fusedstep.rules.idle import closed_form_of
from fusedstep.storage import STORAGES
from tests import reference
from tests.devices import on_device, on_host
from tests.rules import test_rules_with_sums
from tests.rules.test_rules import RULES

# What of Triton's language every backend of it has: no libdevice, no inline assembly, no atomics, nothing of a vendor.
PORTABLE = {
    *("abs", "exp", "log", "sqrt", "sqrt_rn", "div_rn", "sum", "max", "min", "where", "full", "zeros", "arange"),
    *("load", "store", "program_id", "num_programs", "debug_barrier", "constexpr", "static_range"),
    *("pointer_type", "multiple_of"),
}


def texts() -> list[str]:
    """The kernels of every rule, for every loop that it may run."""
    found = [weave_mark()]
    for row in (*RULES, *test_rules_with_sums.ROWS):
        operator = fs.Operator(row.rule, **getattr(row, "switches", {}))
        program = operator.spec.program
        loops = (
            ["whole_tensor"]
            if program.reduction_scope == ReductionScope.TENSOR
            else ["dense_rows", "touched_rows", "every_row"]
        )
        loops += ["dense"] if program.reduction_scope == ReductionScope.ELEMENT else []
        loops += ["deferred_rows", "catch_up", "flush"] if closed_form_of(row.rule) else []
        for loop, storage in zip(loops * len(STORAGES), [*STORAGES] * len(loops), strict=False):
            storages = (storage,) * len(program.signature.states)
            closed = closed_form_of(row.rule) if loop in ("deferred_rows", "catch_up", "flush") else None
            recipe = Recipe(operator.spec, storages, storage, loop == "dense", loop, closed)
            found.append(weave(recipe, on_device=loop == "dense" or closed is not None))
        there = tuple(number % 2 == 0 for number, _ in enumerate(operator.signature.scalars))
        found.append(weave_numbers(program, "float32", there))
        if program.reduction_scope < ReductionScope.TENSOR:
            history = operator.spec, operator.closed_form, "float32"
            found += [weave_append(*history, 1e-7, on_device) for on_device in (False, True)]
            found.append(weave_begin(*history, -20.0, there))
    return found


def test_kernels_use_nothing_of_one_vendor() -> None:
    language = pytest.importorskip("triton.language")
    types = {name for name, each in vars(language).items() if isinstance(each, language.dtype)}
    for text in texts():
        used = set(re.findall(r"\btl\.(\w+)", text))
        assert used <= PORTABLE | types, used - PORTABLE - types
        assert not re.search(r"\btl\.\w+\.(?!shape)\w", text)
        imports = re.findall(r"^(?:import|from) .*", text, re.MULTILINE)
        assert imports == ["import triton", "import triton.language as tl"]
        assert not re.search(r"cuda|ptx|hip\b|rocm|libdevice|asm|atomic", text, re.IGNORECASE)


def awkward(row: Any, columns: Any, grad: Any, *, width: Any, tl: Any, here: Any = 0.5) -> tuple[Any, Any]:
    """A rule whose names are those of loops."""
    new, gradient, states = row - width * grad, columns * here, tl * grad
    load = new + gradient
    return load - states, columns + load


@pytest.mark.gpu
@pytest.mark.parametrize("rows", [None, "touched", "every"])
def test_names_of_a_rule_are_mistaken_for_nothing(rows: str | None, device: str) -> None:
    rng = np.random.default_rng(1)
    states, grad = [rng.standard_normal((6, 3)) for _ in range(2)], rng.standard_normal((4 if rows else 6, 3))
    indices = np.array([5, 1, 5, 0]) if rows else None
    scalars = {"width": 0.3, "tl": 0.7}
    expected = reference.step(awkward, states, grad, indices, rows or "touched", scalars, {}, None)
    given = [on_device(state) for state in states]
    named = () if indices is None else (on_device(indices),)
    fs.Operator(awkward)(*given, on_device(grad), *named, rows=rows or "touched", **scalars)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, np.dtype(np.float64)), want)
