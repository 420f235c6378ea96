"""Compiles kernels for devices that need not be there, and writes down what their assembly holds.

A process of its own, since Triton's interpreter is chosen at first: ``python -m tests.programs.assembly rules sm_90``
writes JSON. ``rules`` are all in one loop, ``loops`` every loop, type and word with some rules, ``everything`` every
rule, switch, loop and type.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["TRITON_INTERPRET"] = "0"

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

import fusedstep as fs
from fusedstep.codegen.gpu.build import build
from fusedstep.codegen.gpu.levels import Levels
from fusedstep.codegen.recipe import Recipe
from fusedstep.codegen.rule.axes import ELEMENT
from fusedstep.codegen.rule.program import ReductionScope
from fusedstep.codegen.rule.spec import program_of, spec_of
from fusedstep.rules.idle import closed_form_of
from fusedstep.runtime.gpu.grouping import LONG
from fusedstep.runtime.gpu.kernel_call import MANY_STATES, bytes_of_program, catch_up_tiles_for, tiles_for
from fusedstep.runtime.gpu.launch_kernel import ALL_REGISTERS, EXACT
from fusedstep.runtime.gpu.tables import tiles_of_tables
from fusedstep.runtime.gpu.whole_tensor import BYTES_OF_COLUMNS, BYTES_OF_SUMS, PROGRAMS
from fusedstep.storage import STORAGES, compute_type
from tests.codegen import test_statements
from tests.rules import test_rules, test_rules_with_sums
from tests.rules.test_rules_with_sums import extremes
from tests.rules.test_words import of_tanh

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
POINTERS = {"float32": "*fp32", "float64": "*fp64", "float16": "*fp16", "bfloat16": "*bf16"}
INTEGERS = dict.fromkeys(("sorted_indices", "gradient_rows", "segment_ends"), "*i64") | {
    "places": "*i32",
    "last_steps": "*i16",
    "record": "*i32",
    "table": "*i64",
    "sorted_keys": "*i64",
    "tensor_of": "*i32",
}
DEFERRED = ("deferred_rows", "catch_up", "flush")
WIDTH = 64


@dataclass(frozen=True)
class Kernel:
    """A kernel that is compiled for every target."""

    name: str
    recipe: Recipe
    width: int = WIDTH
    on_device: bool = False
    launches: tuple[int, int] = (0, 0)
    weighted: bool = False


def of_rule(
    rule: Any, loop: str, storage: str, switches: dict[str, bool] | None = None, **others: Any
) -> Iterator[Kernel]:
    """The kernels of a rule on a loop: one, or one for each of its launches and one for all."""
    chosen = tuple(sorted({**fs.Operator(rule).signature.switches, **(switches or {})}.items()))
    spec = spec_of(rule, chosen)
    program = spec.program
    states = (storage,) * len(program.signature.states)
    idle = closed_form_of(rule) if loop in DEFERRED else None
    if idle and not set(program.signature.states) <= set(idle.takes):
        idle = None
    recipe = Recipe(spec, states, storage, others.pop("stochastic", False), loop, idle)
    on = "-".join(name for name, value in (switches or {}).items() if value)
    levels = Levels(program)
    launches = [(launch, launch) for launch in range(levels.count if loop == "whole_tensor" else 1)]
    launches += [(0, levels.count - 1)] if len(launches) > 1 else []
    for first, last in launches:
        marks = [rule.__name__, on, loop, storage, *map(str, others.values()), f"{first}-{last}"]
        marks.append("by_chance" * recipe.stochastic)
        yield Kernel("-".join(filter(None, marks)), recipe, launches=(first, last), **others)


def loops_of(rule: Any, switches: dict[str, bool]) -> list[str]:
    """The loops that a rule's steps may run."""
    program = program_of(rule, tuple(sorted({**fs.Operator(rule).signature.switches, **switches}.items())))
    reach = program.reduction_scope
    if reach == ReductionScope.TENSOR:
        return ["whole_tensor"]
    by_element = ["dense", "dense_tensors", "dense_tensors_by_numbers"] if reach == ReductionScope.ELEMENT else []
    dense = [*by_element, "dense_rows"]
    # Exponents decide which formula all rows take.
    several = by_element and not program.exponents
    many_numbers = ["touched_tables_by_numbers"] if several else []
    return [*dense, "touched_rows", "touched_tables", *many_numbers, "every_row", "deferred_rows", "catch_up", "flush"]


def rules() -> Iterator[Kernel]:
    """Every rule in one loop."""
    for rule in dict.fromkeys(row.rule for row in (*test_rules.RULES, *test_rules_with_sums.ROWS)):
        yield from of_rule(rule, loops_of(rule, {})[0], "float32")
    for rule in (test_statements.newton, test_statements.joined_scalars):
        yield from of_rule(rule, "dense", "float32")


def loops() -> Iterator[Kernel]:
    """Every loop, type and word with some rules."""
    for rule in (test_rules.exact_words, test_rules.whole_numbers, of_tanh, fs.rules.ftrl, fs.rules.lamb, extremes):
        yield from of_rule(rule, loops_of(rule, {})[0], "float32")
    yield from of_rule(of_tanh, "dense", "float64")
    for loop in loops_of(fs.rules.adam, {}):
        yield from of_rule(fs.rules.adam, loop, "float32")
    for loop in DEFERRED:
        yield from of_rule(fs.rules.adam, loop, "float32", on_device=True)
    # Of four states: more than others it needs registers.
    yield from of_rule(fs.rules.centered_rmsprop, "deferred_rows", "float32")
    for loop in ("dense_rows", "touched_rows", "touched_tables", "every_row"):
        yield from of_rule(fs.rules.rowwise_adagrad, loop, "float32")
    for storage in ("float64", "float16", "bfloat16"):
        for loop in ("dense", "touched_rows", "touched_tables"):
            yield from of_rule(fs.rules.adam, loop, storage)
    for loop in ("touched_rows", "touched_tables", "every_row", "deferred_rows"):
        yield from of_rule(fs.rules.adam, loop, "float32", weighted=True)
    for storage in ("float64", "bfloat16"):
        yield from of_rule(fs.rules.adam, "touched_rows", storage, weighted=True)
    yield from of_rule(fs.rules.adam, "dense", "bfloat16", stochastic=True)
    yield from of_rule(fs.rules.adam, "dense", "float16", stochastic=True)
    yield from of_rule(fs.rules.adam, "dense", "float32", on_device=True)
    yield from of_rule(fs.rules.adam, "touched_rows", "float32", width=1)
    yield from of_rule(fs.rules.adam, "touched_rows", "float32", width=100)
    yield from of_rule(fs.rules.rowwise_adagrad, "touched_rows", "float32", width=3000)


def everything() -> Iterator[Kernel]:
    """Every rule with every setting of its switches, in every loop and type."""
    for row in (*test_rules.RULES, *test_rules_with_sums.ROWS):
        for switches in getattr(row, "settings", None) or [row.switches]:
            for loop in loops_of(row.rule, switches):
                for storage in POINTERS:
                    yield from of_rule(row.rule, loop, storage, switches)


def signature_of(kernel: Kernel, function: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """The types of a kernel's arguments, and those that are known."""
    recipe, types, known = kernel.recipe, {}, {}
    compute = POINTERS[compute_type(recipe.storages[0])]
    narrowest = min(STORAGES[storage].item_bytes for storage in recipe.storages)
    of_tables = recipe.loop.startswith("touched_tables")
    if recipe.loop in DEFERRED:
        tiles = catch_up_tiles_for(kernel.width, narrowest, len(recipe.storages))
    elif of_tables:
        tiles = tiles_of_tables(kernel.width, recipe.storages)
    else:
        size = bytes_of_program(narrowest)
        if recipe.loop == "whole_tensor":
            first, last = kernel.launches
            by_column = first == last and Levels(recipe.spec.program).columns_of(first)
            size = BYTES_OF_COLUMNS if by_column else BYTES_OF_SUMS
        tiles = tiles_for(kernel.width, narrowest, size)
    constants = {"BLOCK": bytes_of_program(narrowest) // narrowest, "ROWS": tiles.rows, "COLUMNS": tiles.columns}
    # A record of a tensor has fields of its own and a gradient.
    record = len(recipe.storages) + (0 if of_tables else 4)
    constants |= {"RECORD": record, "ALIGNED": True}
    constants |= {
        "FIRST_LAUNCH": kernel.launches[0],
        "LAST_LAUNCH": kernel.launches[1],
        "PROGRAMS": 1 if kernel.launches[1] > kernel.launches[0] else PROGRAMS,
    }
    constants |= {"width": kernel.width, "LONG": LONG}
    for parameter in function.params:
        name, by_row = parameter.name, recipe.spec.program.by_row
        if parameter.is_constexpr:
            row_stride = 1 if name.startswith("row_stride") and int(name.rpartition("_")[2]) in by_row else kernel.width
            types[name], known[name] = "constexpr", constants.get(name, row_stride)
        elif name.startswith("state_"):
            types[name] = POINTERS[recipe.storages[int(name.rpartition("_")[2])]]
        elif name == "gradient" and of_tables:
            types[name], known[name] = "constexpr", None
        elif name == "gradient":
            types[name] = POINTERS[recipe.gradient_storage]
        elif name == "weights" and not kernel.weighted:
            types[name], known[name] = "constexpr", None
        else:
            types[name] = parameter.annotation_type or INTEGERS.get(name, compute)
    return types, known


def compiled(function: Any, types: dict[str, str], known: dict[str, Any], target: str) -> Any:
    """What Triton makes of a kernel for a target; tensors start where memory is aligned, as PyTorch's do."""
    whole = {(k,) for k, (name, kind) in enumerate(types.items()) if kind.startswith("*") or name == "elements"}
    aligned = {place: [["tt.divisibility", 16]] for place in whole}
    source = ASTSource(fn=function, signature=types, constexprs=known, attrs=aligned)
    found = triton.compile(source, target=TARGETS[target], options=EXACT)
    if "cubin" in found.asm and spilled(found.asm["cubin"]):
        # As launches do.
        return triton.compile(source, target=TARGETS[target], options=EXACT | ALL_REGISTERS)
    return found


def facts_of(asm: dict[str, Any]) -> dict[str, Any]:
    """What is looked for in the assembly."""
    if "ptx" in asm:
        text = asm["ptx"]
        return {
            "spilled": spilled(asm["cubin"]),
            "widest_load": max(map(bits_of_ptx, re.findall(r"ld\.global\S*", text)), default=0),
            "float64": len(re.findall(r"\.f64\b", text)),
            "approximate": re.findall(r"(?:div|sqrt|rsqrt|rcp|ex2|lg2)\.(?:approx|full)\S*", text),
            "flushed": re.findall(r"\w+\S*\.ftz\S*", text),
            "fused": re.findall(r"\b(?:fma|mad)\.rn\S*", text),
        }
    text, llir = asm["amdgcn"], asm["llir"]
    return {
        "spilled": sum(map(int, re.findall(r"\.[sv]gpr_spill_count:\s+(\d+)", text))),
        "widest_load": 32
        * max((int(x or 1) for x in re.findall(r"(?:global|buffer)_load_dword(?:x(\d))?", text)), default=0),
        "float64": len(re.findall(r"v_(?!cvt_f64_u32)\w+_f64", text)),
        "approximate": re.findall(r"\b(?:afn|arcp|fast)\b", re.sub(r"fastcc", "", llir)),
        "flushed": re.findall(
            r'"denormal-fp-math-f32"="preserve-sign[^"]*"|denormal_fpenv\(float: preservesign[^)]*\)', llir
        ),
        "fused": ["v_fma"] * fused_beyond_division(text),
    }


def fused_beyond_division(text: str) -> int:
    """How many fused operations there are in AMD's assembly, but for those that divisions and roots are made of."""
    fused = len(re.findall(r"v_(?:pk_)?(?:fma|fmac|mac|mad)_f\d+", text))
    return max(0, fused - 5 * text.count("v_div_fixup_f32") - 2 * text.count("v_sqrt_f32"))


def bits_of_ptx(load: str) -> int:
    """How many bits a load of PTX takes at once."""
    vector, bits = re.search(r"\.v(\d)", load), re.search(r"\.[bfsu](\d+)", load)
    return int(vector[1] if vector else 1) * int(bits[1] if bits else 0)


def spilled(cubin: bytes) -> int:
    """How many bytes of local memory, which holds what registers do not, a kernel asks for."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    return sum(map(int, re.findall(r"(?:STACK|LOCAL):(\d+)", usage)))


def told(kernel: Kernel) -> dict[str, Any]:
    """What of a kernel its assembly depends on."""
    recipe = kernel.recipe
    program = recipe.spec.program
    levels, (first, last) = Levels(program), kernel.launches
    reduced = [each for each in program.reductions if first <= levels.computed(each) <= last]
    by_element = any(each.argument_axes == ELEMENT for each in reduced)
    return {
        "loop": recipe.loop,
        "width": kernel.width,
        "many_states": len(recipe.storages) >= MANY_STATES,
        # Tiles of half the size.
        "halved": recipe.loop == "whole_tensor"
        or (recipe.loop.startswith("touched_tables") and recipe.storages[0] != "float32")
        or STORAGES[recipe.storages[0]].item_bytes == 2,
        "double": recipe.storages[0] == "float64",
        "inexact": bool({"exp", "log", "power"} & program.words),
        # Whether it goes through elements, or only through what they were added up to.
        "elements": recipe.loop != "whole_tensor" or by_element or first <= levels.last <= last,
    }


def main(choice: str, target: str) -> None:
    found = {}
    for kernel in {"rules": rules, "loops": loops, "everything": everything}[choice]():
        function = build(kernel.recipe, kernel.on_device)
        types, known = signature_of(kernel, function)
        found[kernel.name] = told(kernel) | facts_of(compiled(function, types, known, target).asm)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
