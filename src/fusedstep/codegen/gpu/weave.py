"""Weaves a rule, a loop and the words of Triton into the text of one module."""

import re
from dataclasses import replace

from ...storage import compute_type
from ..module_text import BANNER, scalars_of
from ..recipe import Recipe
from ..rule.closed_form import closed_program
from ..rule.program import Program, ReductionScope
from ..rule.values import local
from .closed_form import NO_CLOSED_FORM, closed_function, closed_words, history_words
from .expressions import ByRoots, Expressions, rewritten
from .sources import loop_definitions, parameters, span_words_of, word_definitions
from .stages import Stages
from .tiles import Tiles, address_word, gradient_word, stochastic_word
from .totals import numbers_of

WITHIN = "@triton.jit"
# The types of the loops' arguments that are numbers; others are addresses, and those in capitals known beforehand.
NUMBERS = {
    **dict.fromkeys(("count", "rows", "row_blocks", "rows_of_block", "elements", "stride"), "i64"),
    **dict.fromkeys(("matrices", "matrices_of_program"), "i64"),
    **dict.fromkeys(("now", "window", "closed"), "i32"),
}
# What several loops take of rows that sleep, and hand on together; the last three may be in a record on the device.
PENDING = ("history", "kept", "settled", "stride", "last_steps")
COUNTED = ("now", "window", "closed")
# The word that makes pointers of addresses, for the span words that need one.
POINTERS = {"tensors_at": "pointer_at", "rows_at": "pointers_at", "update_rows_by_sums": "pointers_of"}
SHORT = {"float32": "fp32", "float64": "fp64"}
WIDE = f"{WITHIN}\ndef wide(x):\n    return tl.full((), x, tl.float64)"


def weave(recipe: Recipe, on_device: bool = False) -> str:
    """The text of the module that holds a recipe's kernel.

    Args:
        recipe: what the kernel is made of.
        on_device: whether the step's numbers lie on the device; else they are handed over with the call.
    """
    program = recipe.spec.program
    compute = compute_type(recipe.storages[0])
    tiles = (Stages if program.reduction_scope == ReductionScope.TENSOR else Tiles)(
        program, recipe.storages, recipe.gradient_storage, recipe.stochastic
    )
    closed = closed_program(recipe.closed_form, program, recipe.spec.switches) if recipe.closed_form else None
    count = len(program.numbers) + recipe.stochastic
    words = tiles.words() | history_words(count)
    words |= closed_words(replace(tiles, program=closed)) if closed else NO_CLOSED_FORM
    used, loops = span_words_of(recipe.loop), loop_definitions(recipe.loop)
    if "update_rows_by_sums" in used:
        # What this word is made of is a loop itself.
        used, loops = used | span_words_of("segment_sum"), loop_definitions("segment_sum") | loops
    switches = "".join(f", {name}={value}" for name, value in recipe.spec.switches)
    return module(
        f"rule {program.signature.name}{switches}; loop gpu/{recipe.loop}; states {', '.join(recipe.storages)}; "
        f"gradient {recipe.gradient_storage}{'; rounded stochastically' if recipe.stochastic else ''}",
        words_of(recipe, program, closed),
        numbers_of_type(compute),
        *(f"{WITHIN}\n{text}" for text in functions(program)),
        *([f"{WITHIN}\n{closed_function(closed)}"] if closed else []),
        *(f"{WITHIN}\ndef {name}{text}" for name, text in words.items() if name in used),
        *(decorated(text) for text in loops.values()),
        entry(recipe, count, on_device),
    )


def weave_numbers(program: Program, compute: str, there: tuple[bool, ...]) -> str:
    """The text of the module that evaluates on a device what is computed from scalars, of which some lie there.

    Each program evaluates a row of numbers; a scalar that lies there has one element for each row, or one for all.
    """
    names = [local(name) for name in program.signature.scalars]
    numbers = numbers_of(program)
    given = [f"scalar_{k}" if lies else f'scalar_{k}: "fp64"' for k, lies in enumerate(there)]
    plain = [f"scalar_{k}" for k, lies in enumerate(there) if not lies]
    loads = []
    for k, (name, lies) in enumerate(zip(names, there, strict=True)):
        value = f"tl.load(scalar_{k} + row * stride_{k}).to(tl.float64)" if lies else f"wide(scalar_{k})"
        loads.append(f"    {name} = {value}")
    stores = [f"    tl.store(numbers + (row * {len(numbers)} + {k}), {number})" for k, number in enumerate(numbers)]
    strides = [f"stride_{k}: tl.constexpr" for k, lies in enumerate(there) if lies]
    return module(
        f"numbers of rule {program.signature.name}",
        word_definitions({f"word_{word}" for word in program.words} | {"quotient"}),
        numbers_of_type(compute),
        WIDE,
        "\n".join(
            [
                f"@triton.jit(do_not_specialize={plain!r})",
                f"def kernel({', '.join([*given, 'numbers', *strides])}):",
                "    row = tl.program_id(0)",
                *loads,
                *stores,
            ]
        ),
    )


def weave_host_numbers(program: Program) -> str:
    """The text of the module that evaluates what is computed from scalars alone, in NumPy's words."""
    names = [local(name) for name in program.signature.scalars]
    return module(
        f"numbers of rule {program.signature.name}",
        scalars_of("numbers", names, program.hoisted or ["0"]),
    )


def weave_long_segments(gradient: str, compute: str) -> str:
    """The text of the module that adds up rows with many gradients."""
    storages = {gradient, compute}
    return module(
        f"rows with many gradients; gradient {gradient}; sums {compute}",
        word_definitions({"load", "pointers_of", *(f"from_{each}" for each in storages)}),
        f"{WITHIN}\ndef load_gradient{gradient_word(gradient)}",
        f"{WITHIN}\ndef gradient_at{address_word(gradient)}",
        *(decorated(text) for text in loop_definitions("long_segments").values()),
        """@triton.jit(do_not_specialize=["count", "rows"])
def kernel(gradient, sorted_indices, gradient_rows, weights, segment_ends, count: "i64", rows: "i64", long_sums,
           width: tl.constexpr, LONG: tl.constexpr, COLUMNS: tl.constexpr):
    long_segments(gradient, sorted_indices, gradient_rows, weights, segment_ends, count, rows, long_sums, width, LONG,
                  COLUMNS)""",
    )


def weave_table_keys() -> str:
    """The text of the module that writes the keys of the sparse gradients of many tables."""
    return module(
        "keys of the rows of many tables",
        word_definitions(set()),
        *(decorated(text) for text in loop_definitions("table_keys").values()),
        """@triton.jit(do_not_specialize=["lookups", "row_bytes"])
def kernel(records, lookups: "i64", keys, addresses, weights, row_bytes: "i64", BLOCK: tl.constexpr):
    table_keys(records, lookups, keys, addresses, weights, row_bytes, BLOCK)""",
    )


def weave_column_sums(compute: str) -> str:
    """The text of the module that adds up the sums by column of row blocks."""
    return module(
        f"sums by column of row blocks; sums {compute}",
        word_definitions({"word_maximum", "largest"}),
        *(decorated(text) for text in loop_definitions("column_sums").values()),
        """@triton.jit(do_not_specialize=["matrices", "row_blocks", "which", "maxima"])
def kernel(partials, sums, matrices: "i64", row_blocks: "i64", which: "i64", maxima: "i64", width: tl.constexpr,
           ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    column_sums(partials, sums, matrices, row_blocks, which, maxima, width, ROWS, COLUMNS)""",
    )


def weave_mark() -> str:
    """The text of the module that notes for each row where it is named."""
    return module(
        "grouping of indices on a device",
        word_definitions(set()),
        *(decorated(text) for text in loop_definitions("grouping").values()),
        """@triton.jit(do_not_specialize=["count", "rows"])
def kernel(sorted_indices, places, count: "i64", rows: "i64", BLOCK: tl.constexpr):
    mark(sorted_indices, count, places, rows, BLOCK)""",
    )


def weave_locate_blocks() -> str:
    """The text of the module that notes for each block of many tensors its tensor."""
    return module(
        "blocks of many tensors",
        word_definitions(set()),
        *(decorated(text) for text in loop_definitions("tensor_table").values()),
        """@triton.jit
def kernel(table, tensor_of, RECORD: tl.constexpr, BLOCK: tl.constexpr, AT_ONCE: tl.constexpr):
    locate_blocks(table, tensor_of, RECORD, BLOCK, AT_ONCE)""",
    )


def weave_words(count: int) -> str:
    """The text of the module that writes words of 64 bits, which are its arguments, where there is room for them."""
    words = [f"word_{k}" for k in range(count)]
    numbers = ["start", "count", *words]
    stores = [f"    tl.store(words + start + {k}, {each}, mask=start + {k} < count)" for k, each in enumerate(words)]
    return module(
        "words of 64 bits",
        word_definitions(set()),
        "\n".join(
            [
                f"@triton.jit(do_not_specialize={numbers!r})",
                "def kernel(words, " + ", ".join(f'{each}: "i64"' for each in numbers) + "):",
                *stores,
            ]
        ),
    )


def module(title: str, *parts: str) -> str:
    """The text of a module from its parts."""
    return "\n\n\n".join([f'"""fusedstep kernel: {title}.\n\n{BANNER}\n"""', *parts]) + "\n"


def functions(program: Program) -> list[str]:
    """The functions of an element in Triton's words; the rule by roots, too, where it has exponents."""
    found = [rewritten(text) for text in program.functions]
    exponents = program.exponents
    if exponents:
        rule = program.function("rule_by_roots", program.last, program.new(program.by_element))
        found.append(rewritten(rule, ByRoots(exponents), Expressions()))
    return found


def words_of(recipe: Recipe, program: Program, closed: Program | None) -> str:
    """The text of the words that a recipe needs."""
    words = program.words | (closed.words if closed else set())
    words |= {"sqrt"} if program.exponents else set()
    largest = any(each.kind == "max" for each in program.reductions)
    words |= {"maximum"} if largest else set()
    storages = {*recipe.storages, recipe.gradient_storage, compute_type(recipe.storages[0])}
    names = {f"word_{word}" for word in words} | {f"{way}_{each}" for way in ("from", "to") for each in storages}
    if recipe.stochastic:
        names |= {"random"} | {name for storage in storages if (name := stochastic_word(storage))}
    names |= {POINTERS[word] for word in span_words_of(recipe.loop) & POINTERS.keys()}
    return word_definitions(names | {"load", "quotient"} | ({"largest"} if largest else set()))


def numbers_of_type(compute: str) -> str:
    """What makes numbers of the compute type."""
    return f"""{WITHIN}
def compute(x):
    return x.to(tl.{compute})


{WITHIN}
def constant(x):
    return tl.full((), x, tl.{compute})"""


def decorated(text: str) -> str:
    """A definition of a loop's file, decorated for Triton."""
    # Triton would take the annotations for its types.
    return f"{WITHIN}\n{re.sub(r': Any| -> (Any|None)', '', text)}" if text.startswith("def ") else text


def entry(recipe: Recipe, count: int, on_device: bool) -> str:
    """The function that is launched: states, the loop's own arguments, numbers, and what is known beforehand."""
    names = parameters(recipe.loop, recipe.loop)
    states = [f"state_{k}" for k in range(len(recipe.storages))] if "states" in names else []
    pending = [*PENDING, "record"] if on_device else [*PENDING, *COUNTED]
    counted = [f"tl.load(record + {k})" for k, _ in enumerate(COUNTED)] if on_device else COUNTED
    taken = [each for name in names for each in (pending if name == "pending" else (name,))]
    own = [name for name in taken if name not in ("states", "row_strides", "scalars", "width") and not name.isupper()]
    given, numbers = numbers_given(recipe, count, on_device) if "scalars" in names else ([], [])
    row_strides = [f"row_stride_{k}" for k in range(len(states))] if "row_strides" in names else []
    known = [*row_strides, *(name for name in names if name == "width" or name.isupper())]
    together = {"states": states, "row_strides": row_strides, "pending": [*PENDING, *counted]}
    bundles = {name: f"({', '.join(each)},)" for name, each in together.items()}
    bundles["scalars"] = f"({', '.join(numbers)},)"
    typed = [*(f'{name}: "{NUMBERS[name]}"' if name in NUMBERS else name for name in own), *given]
    # Compiled once for all their values, which change from call to call; that the elements are a multiple of 16 lets
    # their loads be wide.
    plain = [name.split(":")[0] for name in typed if ":" in name and not name.startswith("elements")]
    arguments = ", ".join([*states, *typed, *(f"{name}: tl.constexpr" for name in known)])
    return f"""@triton.jit(do_not_specialize={plain!r})
def kernel({arguments}):
    {recipe.loop}({", ".join(bundles.get(name, name) for name in names)})"""


def numbers_given(recipe: Recipe, count: int, on_device: bool) -> tuple[list[str], list[str]]:
    """The arguments that stand for a step's numbers, and the numbers that they are."""
    plain, kind = count - recipe.stochastic, SHORT[compute_type(recipe.storages[0])]
    if on_device:
        given, numbers = ["numbers"], [f"tl.load(numbers + {k})" for k in range(plain)]
    else:
        given = [f'number_{k}: "{kind}"' for k in range(plain)]
        numbers = [f"constant(number_{k})" for k in range(plain)]
    if recipe.stochastic:
        given, numbers = [*given, 'key: "i64"'], [*numbers, "tl.full((), key, tl.int64)"]
    return given, numbers
