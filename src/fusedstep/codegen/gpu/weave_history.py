"""Weaves the kernels that write the history of pending steps on a device: one begins a step, one appends it.

Where a scalar is on the device, the device counts the steps, too, and a graph may repeat them: what begins a step
evaluates its numbers, decides whether all rows must catch up before, and notes both in a **record** of three rows. It
can be repeated, as can the flush that follows: until ``loops/gpu/forget.py`` runs, the pending steps are as before.
"""

from collections.abc import Sequence

from ...rules.idle import ClosedForm
from ..rule.closed_form import closed_program
from ..rule.program import Program
from ..rule.spec import RuleSpec
from ..rule.values import local
from .sources import loop_definitions, word_definitions
from .symbol import WORDS, number_text, text_of
from .totals import fading_text, numbers_of, totals_text
from .weave import SHORT, WIDE, decorated, module, numbers_of_type

# The rows of the record, each the number of steps, the window, and whether there is a closed form: of the step that has
# begun, of the steps that rows may owe, and of those that all rows must take before the step, if any.
STEP, PENDING, DUE = range(3)
# The length of a row: its address is a multiple of 16 bytes.
RECORD = 4


def weave_append(
    spec: RuleSpec, closed_form: ClosedForm | None, compute: str, tolerance: float, on_device: bool
) -> str:
    """The text of the module that appends a step to the history; ``on_device``: one that the device has begun."""
    return module(
        f"pending steps of rule {spec.program.signature.name}",
        words_of(spec, closed_form),
        numbers_of_type(compute),
        WIDE,
        *([totals_text(spec, closed_form, tolerance)] if closed_form else []),
        append_entry(spec, closed_form, SHORT[compute], on_device),
    )


def weave_begin(
    spec: RuleSpec, closed_form: ClosedForm | None, compute: str, negligible: float, there: tuple[bool, ...]
) -> str:
    """The text of the module that begins a step on the device, where some of its scalars are.

    Args:
        spec, closed_form: the rule, and the closed form that is used.
        compute: the compute type.
        negligible: the logarithm of the weight at which a step is negligible.
        there: for each scalar whether it is on the device.
    """
    return module(
        f"the beginning of steps of rule {spec.program.signature.name}",
        words_of(spec, closed_form),
        numbers_of_type(compute),
        WIDE,
        *([fading_text(spec, closed_form)] if closed_form else []),
        begin_entry(spec, closed_form, negligible, there),
    )


def words_of(spec: RuleSpec, closed_form: ClosedForm | None) -> str:
    """The text of the words that the numbers and totals of a step may use."""
    used = {*WORDS.values(), "power", "remainder", "ceil", *spec.program.words}
    if closed_form:
        used |= closed_program(closed_form, spec.program, spec.switches).words
    return word_definitions({f"word_{word}" for word in used} | {"quotient"})


def weave_forget() -> str:
    """The text of the module that forgets the pending steps of all rows."""
    return module(
        "the pending steps of rows that are up to date",
        word_definitions(set()),
        *(decorated(text) for text in loop_definitions("forget").values()),
        """@triton.jit(do_not_specialize=["rows"])
def kernel(last_steps, rows: "i64", step, pending, due, BLOCK: tl.constexpr):
    forget(last_steps, rows, step, pending, due, BLOCK)""",
    )


def append_entry(spec: RuleSpec, closed_form: ClosedForm | None, kind: str, on_device: bool) -> str:
    """The text of the kernel that appends a step.

    Programs share the steps since which rows may be pending; the last step's own totals are those of no steps, which
    are stored nowhere.
    """
    count = len(spec.program.numbers)
    scalars = [f"scalar_{k}" for k, _ in enumerate(spec.program.signature.scalars)]
    held = fixed_scalars(spec, closed_form.held if closed_form else ())
    numbers = [f"number_{k}" for k in range(count)]
    arrays = ["history", "totals", "kept", "settled"]
    if on_device:
        arrays += ["record", "fixed", "step_scalars", "step_numbers"]
        given = {}
        constant = fixed_scalars(spec, closed_form.constant if closed_form else ())
        loads = [
            f"now, window, closed = {', '.join(record_row(STEP))}",
            *(f"{name} = tl.load(step_numbers + {k})" for k, name in enumerate(numbers)),
            *(f"{name} = tl.load(step_scalars + {k})" for k, name in enumerate(scalars)),
        ]
        counted = [
            *stores(PENDING, ["now + 1", "window", "closed"]),
            *(f"tl.store(fixed + {k}, {name}, mask=now == 0)" for k, name in enumerate(constant)),
        ]
    else:
        # The host holds scalars of the first step.
        held = [f"held_{k}" for k, _ in enumerate(held)]
        given = dict.fromkeys(("now", "window", "closed"), "i32")
        given |= dict.fromkeys(numbers, kind) | dict.fromkeys((*scalars, *held), "fp64")
        loads, counted = [], []
    typed = {"stride": "i64", **given}
    body = [
        *loads,
        "place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
        "if tl.program_id(0) == 0:",
        *(f"    tl.store(history + (now * {count} + {k}), constant({name}))" for k, name in enumerate(numbers)),
        *(f"    {line}" for line in counted),
        *([] if count or counted else ["    pass"]),
    ]
    if closed_form:
        body += [
            "if (closed > 0) & (tl.program_id(0) * BLOCK <= now):",
            *(f"    {line}" for line in append_body(spec, closed_form, scalars, held)),
        ]
    return "\n".join(
        [
            f"@triton.jit(do_not_specialize={list(typed)!r})",
            f"def kernel({', '.join([*arrays, *(f'{name}: {of!r}' for name, of in typed.items())])}, "
            "BLOCK: tl.constexpr):",
            *(f"    {line}" for line in body),
        ]
    )


def append_body(spec: RuleSpec, closed_form: ClosedForm, scalars: list[str], held: list[str]) -> list[str]:
    """The statements that update totals, and the numbers of the closed form that follow from them."""
    kept, starts = len(closed_form.kept_totals), [*closed_form.kept_totals.values(), *closed_form.moved_totals.values()]
    count = len(closed_program(closed_form, spec.program, spec.switches).hoisted or ["0.0"])
    wide = [f"wide({name})" for name in scalars]
    taken = ", ".join([*(f"before_{k}" for k, _ in enumerate(starts)), "place > now - window", *wide])
    since = [f"after[{k}]" for k, _ in enumerate(starts)]
    none = [*since[:kept], *(text_of(start) for start in starts[kept:])]
    known = [f"wide({name})" for name in held]
    return [
        *(
            f"before_{k} = tl.load(totals + ({k} * stride + place), mask=place < now, other={number_text(start)})"
            for k, start in enumerate(starts)
        ),
        f"after = totals_after({taken})" if starts else "after = ()",
        *(f"tl.store(totals + ({k} * stride + place), after[{k}], mask=place <= now)" for k, _ in enumerate(starts)),
        f"now_kept = numbers_since({', '.join([*since, *known])})",
        f"now_settled = numbers_since({', '.join([*none, *known])})",
        *(
            f"tl.store({table} + ({k} * stride + place), now_{table}[{k}], mask=place <= now)"
            for table in ("kept", "settled")
            for k in range(count)
        ),
    ]


def begin_entry(spec: RuleSpec, closed_form: ClosedForm | None, negligible: float, there: tuple[bool, ...]) -> str:
    """The text of the kernel that begins a step as ``History.admit`` does on the host; one program runs it."""
    program = spec.program
    names = [local(name) for name in program.signature.scalars]
    given = [f"scalar_{k}" if lies else f'scalar_{k}: "fp64"' for k, lies in enumerate(there)]
    plain = [f"scalar_{k}" for k, lies in enumerate(there) if not lies]
    loads = (f"tl.load(scalar_{k}).to(tl.float64)" if lies else f"wide(scalar_{k})" for k, lies in enumerate(there))
    body = [
        *(f"{name} = {load}" for name, load in zip(names, loads, strict=True)),
        *step_stores(program, names),
        f"count, window, closed = {', '.join(record_row(PENDING))}",
        *changed(closed_form, names),
        "due = tl.where((count >= LIMIT) | changed, count, 0)",
        *stores(DUE, ["due", "window", "closed"]),
        "now = count - due",
        "closed = tl.where(now == 0, valid, closed)",
        *window(closed_form, negligible),
        *stores(STEP, ["now", "window", "closed"]),
    ]
    return "\n".join(
        [
            f"@triton.jit(do_not_specialize={plain!r})",
            f"def kernel({', '.join(['record', 'fixed', 'step_scalars', 'step_numbers', *given])}, "
            "LIMIT: tl.constexpr):",
            *(f"    {line}" for line in body),
        ]
    )


def step_stores(program: Program, names: Sequence[str]) -> list[str]:
    """The statements that store a step's scalars and numbers."""
    numbers = numbers_of(program) if program.numbers else []
    return [
        *(f"tl.store(step_scalars + {k}, {name})" for k, name in enumerate(names)),
        *(f"tl.store(step_numbers + {k}, {number})" for k, number in enumerate(numbers)),
    ]


def changed(closed_form: ClosedForm | None, names: Sequence[str]) -> list[str]:
    """The statements that say whether the closed form is valid, and whether that or a constant scalar has changed."""
    if closed_form is None:
        return ["valid = closed", "changed = closed > 0"]
    return [
        f"fading = wide(fading_of({', '.join(names)}))",
        "valid = ((fading >= wide(0.0)) & (fading < wide(1.0))).to(tl.int32)",
        "changed = valid != closed",
        *(f"changed |= {local(name)} != tl.load(fixed + {k})" for k, name in enumerate(closed_form.constant)),
    ]


def window(closed_form: ClosedForm | None, negligible: float) -> list[str]:
    """The statements that update how many pending steps of a row can move its variable."""
    if not (closed_form and closed_form.moved):
        return ["window = tl.where(now == 0, LIMIT, window)"]
    return [
        "window = tl.where(now == 0, tl.where(closed > 0, 1, LIMIT), window)",
        "fades = (closed > 0) & (fading > wide(0.0))",
        f"steps = quotient(wide({negligible!r}), word_log(tl.where(fades, fading, wide(0.5))))",
        "steps = tl.where(fades, wide(1.0) + word_ceil(steps), wide(0.0))",
        "steps = word_minimum(steps, wide(LIMIT)).to(tl.int32)",
        "window = tl.where(steps > window, steps, window)",
    ]


def fixed_scalars(spec: RuleSpec, names: Sequence[str]) -> list[str]:
    """The arguments for some scalars that stay the same while rows are pending."""
    every = list(spec.program.signature.scalars)
    return [f"scalar_{every.index(name)}" for name in names]


def record_row(row: int) -> list[str]:
    """The loads of a row of the record."""
    return [f"tl.load(record + {row * RECORD + k})" for k in range(3)]


def stores(row: int, values: Sequence[str]) -> list[str]:
    """The statements that store a row of the record."""
    return [f"tl.store(record + {row * RECORD + k}, {value})" for k, value in enumerate(values)]
