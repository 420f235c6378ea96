"""Weaves a rule, a loop and a dialect into the text of one module."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..rules.idle import Idle
from .closed import NO_CLOSED_FORM, Closed, closed_program, history_words, scalars_of
from .program import BEYOND, program_of
from .sources import dialect_definitions, loop_definitions, parameters, span_words_of
from .spans import Spans, gradient_words
from .stages import Stages
from .storage import ARRAYS, chance, compute_type, converter
from .values import local

COMPILED = '@njit(error_model="numpy", nogil=True)'
# Inlined by LLVM: a call hands over every field of every array, which costs as much as a narrow row.
WITHIN = '@njit(error_model="numpy", nogil=True, forceinline=True)'
INLINED = '@njit(inline="always", error_model="numpy")'
BANNER = (
    "Generated from a rule, a loop and a dialect, and named by the SHA-256 of this text: changing it changes nothing."
)

# The types of the loops' arguments; what is not named here is a number.
ARGUMENTS = {
    **dict.fromkeys(("named", "order"), "int64[::1]"),
    "groups": "int32[:, ::1]",
    "lasts": "int16[::1]",
    "held": "float64[::1]",
    **dict.fromkeys(("row_totals", "totals", "block_totals"), "float64[:, ::1]"),
    **dict.fromkeys(("columns", "block_columns"), "float64[:, :, ::1]"),
}


@dataclass(frozen=True)
class Recipe:
    """What a kernel is made of.

    Attributes:
        rule: the rule.
        switches: its switches, as sorted pairs.
        loop: the name of a file of ``loops/woven``, whose function of the same name is the loop.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        stochastic: whether 16-bit states are rounded by chance.
        idle: the closed form of steps with a zero gradient, if the loop is to use it.
    """

    rule: Callable[..., Any]
    switches: tuple[tuple[str, bool], ...]
    loop: str
    storages: tuple[str, ...]
    gradient: str
    stochastic: bool = False
    idle: Idle | None = None


def weave(recipe: Recipe, half: str) -> str:
    """The text of the module that holds a recipe's kernel.

    Args:
        recipe: what the kernel is made of.
        half: how float16 is converted, ``"hardware"`` or ``"integers"``.
    """
    program = program_of(recipe.rule, recipe.switches)
    signature, translation = program.signature, program.translation
    compute = compute_type(recipe.storages[0])
    writer = (Stages if program.reach == BEYOND else Spans)(
        program, recipe.storages, recipe.gradient, half, recipe.stochastic
    )
    words = writer.words() | gradient_words(recipe.gradient, compute, half)
    scalars = [*(local(name) for name in signature.scalars), *(["key"] if recipe.stochastic else [])]
    numbers = [*translation.numbers, *(["key"] if recipe.stochastic else [])]
    closed = Closed(recipe.idle, closed_program(recipe.idle, program, recipe.switches), writer) if recipe.idle else None
    words |= history_words(len(numbers)) | (closed.words() if closed else NO_CLOSED_FORM)
    switches = "".join(f", {name}={value}" for name, value in recipe.switches)
    return module(
        f"rule {signature.name}{switches}; loop {recipe.loop}; states {', '.join(recipe.storages)}; "
        f"gradient {recipe.gradient}{'; rounded by chance' if recipe.stochastic else ''}",
        dialect(
            translation.words | (closed.program.translation.words if closed else set()),
            [*recipe.storages, recipe.gradient, compute],
            half,
            recipe.stochastic,
            bool(translation.reductions),
        ),
        f"compute = np.{compute}",
        f"{INLINED}\n{scalars_of('scalars_of', scalars, numbers)}",
        *(f"{INLINED}\n{text}" for text in [*program.functions, *(closed.functions if closed else [])]),
        *spans(recipe.loop, words),
        *(
            decorated(text, COMPILED if name == recipe.loop else WITHIN)
            for name, text in loop_definitions(recipe.loop).items()
        ),
        *([remember(compute, scalars, len(numbers))] if "remembered" in span_words_of(recipe.loop) else []),
        entry(recipe, scalars),
    )


def module(title: str, *parts: str) -> str:
    """The text of a module from its parts."""
    return "\n\n\n".join([f'"""fusedstep kernel: {title}.\n\n{BANNER}\n"""\n\nfrom typing import Any', *parts]) + "\n"


def dialect(
    words: set[str], storages: Sequence[str], half: str, stochastic: bool = False, summing: bool = False
) -> str:
    """The dialect's text for some words and storage types."""
    converters = {converter(storage, half) for storage in storages}
    names = {f"{way}_{name}" for way in ("from", "to") for name in converters}
    if stochastic:
        names |= {"random"} | {name for storage in storages if (name := chance(storage))}
    sums = {"stack_of_lanes", "lanes", "sum_of_lanes"} if summing else set()
    return dialect_definitions({f"word_{word}" for word in words} | names | sums | {"prefetch"})


def spans(loop: str, words: dict[str, str]) -> list[str]:
    """The span words that a loop uses, as text."""
    return [f"{INLINED}\ndef {name}{text}" for name, text in words.items() if name in span_words_of(loop)]


def decorated(text: str, how: str = COMPILED) -> str:
    """A definition of a loop's file, to be compiled when it is called."""
    return f"{how}\n{text}" if text.startswith("def ") else text


def entry(recipe: Recipe, scalars: Sequence[str]) -> str:
    """The function that is called from outside: arrays, pitches, gradient, the loop's own arguments, scalars."""
    names = parameters(recipe.loop, recipe.loop)
    own = [name for name in names if name not in ("states", "pitches", "gradient", "scalars")]
    compute = compute_type(recipe.storages[0])
    kinds = ARGUMENTS | {"sums": f"{compute}[::1]", "history": f"{compute}[:, ::1]"}
    states = [f"state_{k}" for k in range(len(recipe.storages))]
    pitches = [f"pitch_{k}" for k in range(len(recipe.storages))]
    gradient = ["gradient"] if "gradient" in names else []
    # A loop with a history takes a step's scalars from there.
    scalars = scalars if "scalars" in names else []
    numbers = ["key" if name == "key" else f"scalar_{k}" for k, name in enumerate(scalars)]
    types = [
        *(f"{ARRAYS[storage]}[::1]" for storage in recipe.storages),
        *("int64" for _ in pitches),
        *(f"{ARRAYS[recipe.gradient]}[::1]" for _ in gradient),
        *(kinds.get(name, "int64") for name in own),
        *("int64" if name == "key" else "float64" for name in numbers),
    ]
    bundles = {"states": f"({', '.join(states)},)", "pitches": f"({', '.join(pitches)},)"}
    arguments = [bundles.get(name, name) for name in names]
    return f"""@compiled("void({", ".join(types)})", error_model="numpy", nogil=True)
def kernel({", ".join([*states, *pitches, *gradient, *own, *numbers])}):
    {"scalars = scalars_of(" + ", ".join(numbers) + ")" if "scalars" in names else "pass"}
    {recipe.loop}({", ".join(arguments)})"""


def remember(compute: str, scalars: Sequence[str], count: int) -> str:
    """The function that writes a step's scalars into a history."""
    types = ", ".join([f"{compute}[:, ::1]", "int64", *("float64" for _ in scalars)])
    stores = "\n".join(f"    history[step, {k}] = numbers[{k}]" for k in range(count))
    return f"""@compiled("void({types})", error_model="numpy")
def remember({", ".join(["history", "step", *scalars])}):
    numbers = scalars_of({", ".join(scalars)})
{stores}"""
