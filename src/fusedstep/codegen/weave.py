"""Weaves a rule, a loop and a dialect into the text of one module."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .signature import read_signature
from .translate import local, translate

PACKAGE = Path(__file__).parent.parent
DIALECT = PACKAGE / "codegen" / "dialects" / "numba_cpu.py"
LOOPS = PACKAGE / "loops" / "cpu"

# A state's storage type: the array that holds it, and how to read and write one element.
ARRAYS = {"float64": "float64", "float32": "float32", "float16": "uint16", "bfloat16": "uint16"}
ITEM_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}

DECORATOR = '@njit(error_model="numpy", nogil=True)'
INLINED = '@njit(inline="always", error_model="numpy")'


@dataclass(frozen=True)
class Recipe:
    """What a kernel is made of.

    Attributes:
        rule: the rule.
        switches: its switches, as sorted pairs.
        loop: the name of a file of ``loops/cpu``, whose function of the same name is the loop.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
    """

    rule: Callable[..., Any]
    switches: tuple[tuple[str, bool], ...]
    loop: str
    storages: tuple[str, ...]
    gradient: str

    @property
    def compute(self) -> str:
        return "float64" if self.storages[0] == "float64" else "float32"

    @property
    def title(self) -> str:
        switches = "".join(f" {name}={value}" for name, value in self.switches)
        return f"{self.rule.__name__}{switches} / {self.loop} / {' '.join(self.storages)} / {self.gradient}"


def weave(recipe: Recipe, half: str) -> str:
    """The text of the module that holds a recipe's kernel.

    Args:
        recipe: what the kernel is made of.
        half: how float16 is converted, ``"hardware"`` or ``"integers"``.
    """
    signature = read_signature(recipe.rule)
    translation = translate(recipe.rule, signature, dict(recipe.switches))
    loop_text = loop_source(recipe.loop)
    converters = {storage: converter(storage, half) for storage in {*recipe.storages, recipe.gradient, recipe.compute}}
    words = {f"word_{word}" for word in translation.words} | {f"from_{name}" for name in converters.values()}
    words |= {f"to_{name}" for name in converters.values()} | {"prefetch"}
    states = [local(state) for state in signature.states]
    indented = "\n    ".join(translation.lines)
    hoisted = "\n    ".join(f"compute({text})," for text in translation.hoisted or ["0"])
    return f'''"""fusedstep kernel: {recipe.title}

Generated from a rule, a loop and a dialect, and named by the SHA-256 of this text. Changing it changes nothing.
"""

from typing import Any

{dialect_source(words)}

compute = np.{recipe.compute}


{INLINED}
def scalars_of({", ".join(map(local, signature.scalars))}):
    return (
    {hoisted}
    )


{INLINED}
def rule({", ".join([*states, local(signature.gradient)])}, scalars):
    {indented}


{span_words(recipe, states, converters)}

{loop_text}

{entry(recipe, states, signature.scalars, loop_parameters(recipe.loop))}
'''


def converter(storage: str, half: str) -> str:
    """The name of a storage type's pair of conversions in the dialect."""
    return f"float16_by_{half}" if storage == "float16" else storage


def span_words(recipe: Recipe, states: list[str], converters: dict[str, str]) -> str:
    """The span words of ``loops/cpu/span_words.py`` for one rule and its storage types."""
    names = [f"states[{number}]" for number in range(len(states))]
    loads = ", ".join(
        f"from_{converters[storage]}(spans[{number}][i])" for number, storage in enumerate(recipe.storages)
    )
    stores = "\n        ".join(
        f"spans[{number}][i] = to_{converters[storage]}(new[{number}])"
        for number, storage in enumerate(recipe.storages)
    )
    views = ", ".join(
        f"{name}[row * pitches[{number}] : row * pitches[{number}] + (stop - row) * width]"
        for number, name in enumerate(names)
    )
    fetches = "\n    ".join(
        f"for column in range(0, min(width, {64 * 16 // ITEM_BYTES[storage]}), {64 // ITEM_BYTES[storage]}):\n"
        f"        prefetch({names[number]}, row * pitches[{number}] + column)"
        for number, storage in enumerate(recipe.storages)
    )
    gradient, zero = converters[recipe.gradient], "compute(0)"

    def step(name: str, arguments: str, value: str) -> str:
        return (
            f"{INLINED}\ndef {name}({arguments}):\n    for i in range(spans[0].size):\n"
            f"        new = rule({loads}, {value}, scalars)\n        {stores}\n\n\n"
        )

    return (
        f"{INLINED}\ndef part(states, pitches, row, stop, width):\n    return ({views},)\n\n\n"
        f"{INLINED}\ndef unbroken(pitches, width):\n    return "
        + " and ".join(f"pitches[{number}] == width" for number in range(len(states)))
        + f"\n\n\n{step('update', 'spans, gradient, scalars', f'from_{gradient}(gradient[i])')}"
        + step("update_by_sums", "spans, sums, scalars", "sums[i]")
        + step("idle", "spans, scalars", zero)
        + f"{INLINED}\ndef copy(sums, gradient):\n    for i in range(sums.size):\n"
        f"        sums[i] = from_{gradient}(gradient[i])\n\n\n"
        f"{INLINED}\ndef add(sums, gradient):\n    for i in range(sums.size):\n"
        f"        sums[i] += from_{gradient}(gradient[i])\n\n\n"
        f"{INLINED}\ndef empty_sums(size):\n    return np.empty(size, compute)\n\n\n"
        f"{INLINED}\ndef fetch(states, pitches, row, width):\n    {fetches}\n"
    )


def entry(recipe: Recipe, states: list[str], scalars: Sequence[str], parameters: list[str]) -> str:
    """The two functions that are called from outside: the kernel, and a check for states that share memory."""
    arrays = [ARRAYS[storage] + "[::1]" for storage in (*recipe.storages, recipe.gradient)]
    pitches = [f"pitch_{number}" for number in range(len(states))]
    own = parameters[parameters.index("gradient") + 1 : parameters.index("scalars")]
    types = [*arrays[:-1], *("int64" for _ in states), arrays[-1]]
    types += ["int64[::1]" if name == "indices" else "int64" for name in own] + ["float64" for _ in scalars]
    given = [f"state_{number}" for number in range(len(states))]
    scalars = [f"scalar_{name}" for name in scalars]
    names = ", ".join([*given, *pitches, "gradient", *own, *scalars])
    call = (
        f"({', '.join(given)},), ({', '.join(pitches)},), gradient, {', '.join(own)}, scalars_of({', '.join(scalars)})"
    )
    extents = "\n    ".join(f"from_{name} = {name}.ctypes.data" for name in [*given, "gradient"])
    pairs = [(a, b) for number, a in enumerate(given) for b in [*given[number + 1 :], "gradient"]]
    clashes = " or ".join(f"(from_{a} < from_{b} + {b}.nbytes and from_{b} < from_{a} + {a}.nbytes)" for a, b in pairs)
    return f"""
@njit("void({", ".join(types)})", error_model="numpy", nogil=True, cache=CACHE)
def kernel({names}):
    {recipe.loop}({call})


@njit("boolean({", ".join(arrays)})", error_model="numpy", cache=CACHE)
def may_overlap({", ".join([*given, "gradient"])}):
    {extents}
    return {clashes}
"""


def weave_survey() -> str:
    """The text of the module that looks at indices; it holds no rule."""
    return f'''"""fusedstep kernels that look at indices. Generated, and named by the SHA-256 of this text."""

from typing import Any

import numpy as np
from numba import njit

{survey_source()}
'''


def survey_source() -> str:
    """The functions of ``loops/cpu/survey.py``, each with its types."""
    _, grouping = definitions(LOOPS / "grouping.py")
    _, survey = definitions(LOOPS / "survey.py")
    types = {
        "first_outside": "int64(int64[::1], int64)",
        "count_blocks": "void(int64[::1], int64, int64, int64[::1])",
    }
    return "\n\n\n".join(
        [f"{INLINED}\n{grouping['place_of']}"]
        + [
            f'@njit("{types[name]}", error_model="numpy", nogil=True, cache=CACHE)\n{text}'
            for name, text in survey.items()
        ]
    )


@cache
def loop_source(name: str) -> str:
    """The definitions of a loop's file and of the loop files that it imports from."""
    tree, found = definitions(LOOPS / f"{name}.py")
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module not in (None, "span_words"):
            _, imported = definitions(LOOPS / f"{node.module}.py")
            found = imported | found
    return "\n\n\n".join(f"{DECORATOR}\n{text}" if text.startswith("def ") else text for text in found.values())


@cache
def loop_parameters(name: str) -> list[str]:
    """The names of a loop's arguments."""
    tree, _ = definitions(LOOPS / f"{name}.py")
    loop = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return [argument.arg for argument in loop.args.args]


def dialect_source(words: set[str]) -> str:
    """The dialect's imports, and the definitions of some of its words."""
    tree, found = definitions(DIALECT)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(imports) + "\n\n\n" + "\n\n\n".join(text for name, text in found.items() if name in words)


@cache
def definitions(path: Path) -> tuple[ast.Module, dict[str, str]]:
    """A file's syntax tree, and the text of each function and constant that it defines, unchanged."""
    source = path.read_text(encoding="utf-8")
    lines, tree = source.splitlines(), ast.parse(source)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    return tree, found
