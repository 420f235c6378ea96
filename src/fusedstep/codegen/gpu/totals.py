"""Weaves the kernel that appends a step to a history of pending steps on a device.

The functions of a closed form's totals are plain Python. They are called once, with symbols in the place of numbers,
which write down each operation.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...rules.idle import ClosedForm, call_with_names
from ..rule.closed_form import closed_program
from ..rule.spec import RuleSpec
from ..rule.values import local
from .expressions import ScalarExpressions, rewritten

WITHIN = "@triton.jit"
# NumPy's functions by which words are defined, and the words.
WORDS = {
    "sqrt": "sqrt",
    "absolute": "abs",
    "minimum": "minimum",
    "maximum": "maximum",
    "sign": "sign",
    "exp": "exp",
    "log": "log",
    "where": "where",
}


class Symbol:
    """A number of float64 on a device; operations on it are written down as statements.

    Attributes:
        name: its name in the text.
        statements: those of the text so far; all symbols of a text share them.
    """

    def __init__(self, name: str, statements: list[str]) -> None:
        self.name, self.statements = name, statements

    def assigned(self, expression: str) -> "Symbol":
        """The value of an expression, under a new name."""
        name = f"value_{len(self.statements)}"
        self.statements.append(f"{name} = {expression}")
        return Symbol(name, self.statements)

    def binary(self, sign: str, left: Any, right: Any) -> "Symbol":
        return self.assigned(f"{text_of(left)} {sign} {text_of(right)}")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **known: Any) -> Any:
        return self.word(ufunc.__name__, inputs) if method == "__call__" and not known else NotImplemented

    def __array_function__(self, function: Any, types: Any, given: Any, known: Any) -> Any:
        return self.word(function.__name__, given) if not known else NotImplemented

    def word(self, function: str, given: Any) -> Any:
        """The value of a word."""
        if function not in WORDS:
            return NotImplemented
        return self.assigned(f"word_{WORDS[function]}({', '.join(map(text_of, given))})")

    def __bool__(self) -> bool:
        raise TypeError(
            "a closed form chooses by a scalar: write where(condition, x, y) in the functions of its totals"
        )

    def __add__(self, other: Any) -> "Symbol":
        return self.binary("+", self, other)

    def __radd__(self, other: Any) -> "Symbol":
        return self.binary("+", other, self)

    def __sub__(self, other: Any) -> "Symbol":
        return self.binary("-", self, other)

    def __rsub__(self, other: Any) -> "Symbol":
        return self.binary("-", other, self)

    def __mul__(self, other: Any) -> "Symbol":
        return self.binary("*", self, other)

    def __rmul__(self, other: Any) -> "Symbol":
        return self.binary("*", other, self)

    def __truediv__(self, other: Any) -> "Symbol":
        return self.assigned(f"quotient({text_of(self)}, {text_of(other)})")

    def __rtruediv__(self, other: Any) -> "Symbol":
        return self.assigned(f"quotient({text_of(other)}, {text_of(self)})")

    def __pow__(self, other: Any) -> "Symbol":
        return self.assigned(f"word_power({text_of(self)}, {text_of(other)})")

    def __neg__(self) -> "Symbol":
        return self.assigned(f"-{self.name}")

    def __abs__(self) -> "Symbol":
        return self.assigned(f"word_abs({self.name})")

    def __lt__(self, other: Any) -> "Symbol":
        return self.binary("<", self, other)

    def __le__(self, other: Any) -> "Symbol":
        return self.binary("<=", self, other)

    def __gt__(self, other: Any) -> "Symbol":
        return self.binary(">", self, other)

    def __ge__(self, other: Any) -> "Symbol":
        return self.binary(">=", self, other)

    def __eq__(self, other: Any) -> Any:
        return self.binary("==", self, other)

    def __ne__(self, other: Any) -> Any:
        return self.binary("!=", self, other)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Any) -> "Symbol":
        return self.binary("&", self, other)

    def __or__(self, other: Any) -> "Symbol":
        return self.binary("|", self, other)


def text_of(value: Any) -> str:
    """The text of a symbol, or of a number."""
    return value.name if isinstance(value, Symbol) else f"wide({float(value)!r})"


def results_of(function: Callable[..., Any], names: Mapping[str, Any], totals: list[Symbol]) -> list[str]:
    """The texts of what a function of totals returns."""
    with np.errstate(all="ignore"):
        found = call_with_names(function, names, *totals)
    return [text_of(each) for each in (found if isinstance(found, tuple) else (found,))]


def totals_text(spec: RuleSpec, closed_form: ClosedForm, tolerance: float) -> str:
    """The text of the functions ``totals_after`` and ``numbers_since``.

    ``totals_after`` takes the totals before a step, which of them move, and the scalars of the step; ``numbers_since``
    takes totals, and the scalars that the closed form also takes.
    """
    program = closed_program(closed_form, spec.program, spec.switches)
    kept, moved = list(closed_form.kept_totals), list(closed_form.moved_totals)
    scalars = [local(name) for name in spec.program.signature.scalars]
    statements: list[str] = []
    names = {name: Symbol(local(name), statements) for name in spec.program.signature.scalars}
    known = {**names, **dict(spec.switches), "tolerance": tolerance}
    before = [Symbol(f"total_{local(name)}", statements) for name in (*kept, *moved)]
    after = results_of(closed_form.kept, known, before[: len(kept)])
    if closed_form.moved:
        recent = [*(Symbol(name, statements) for name in after), *before[len(kept) :]]
        changed = results_of(closed_form.moved, known, recent)
        after += [
            f"tl.where(moving, {text}, {old.name})" for text, old in zip(changed, before[len(kept) :], strict=True)
        ]
    takes = ", ".join([*(each.name for each in before), "moving", *scalars])
    given = ", ".join(local(name) for name in program.signature.scalars)
    numbers = [f"compute({rewritten(text, ScalarExpressions())})" for text in program.hoisted or ["0.0"]]
    lines = "".join(f"    {each}\n" for each in statements)
    return (
        f"{WITHIN}\ndef totals_after({takes}):\n{lines}    return ({', '.join(after)},)\n\n\n"
        f"{WITHIN}\ndef numbers_since({given}):\n    return ({', '.join(numbers)},)"
    )


def append_entry(spec: RuleSpec, closed_form: ClosedForm | None, kind: str) -> str:
    """The text of the kernel that appends a step.

    Programs share the steps since which rows may be pending; the last step's own totals are those of no steps, which
    are stored nowhere.
    """
    program = spec.program
    count = len(program.numbers)
    scalars = [f"scalar_{k}" for k, _ in enumerate(program.signature.scalars)]
    held = [f"held_{k}" for k, _ in enumerate(closed_form.held if closed_form else ())]
    numbers = [f"number_{k}" for k in range(count)]
    plain = ["stride", "now", "window", "closed", *numbers, *scalars, *held]
    typed = ['stride: "i64"', *(f'{name}: "i32"' for name in ("now", "window", "closed"))]
    typed += [*(f'{name}: "{kind}"' for name in numbers), *(f'{name}: "fp64"' for name in (*scalars, *held))]
    body = [
        "place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
        "if tl.program_id(0) == 0:",
        *(f"    tl.store(history + (now * {count} + {k}), constant({name}))" for k, name in enumerate(numbers)),
        *([] if count else ["    pass"]),
    ]
    if closed_form:
        body += ["if closed > 0:", *(f"    {line}" for line in append_body(spec, closed_form, scalars, held))]
    return "\n".join(
        [
            f"@triton.jit(do_not_specialize={plain!r})",
            f"def kernel({', '.join(['history', 'totals', 'kept', 'settled', *typed])}, BLOCK: tl.constexpr):",
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
    none = [*since[:kept], *(f"wide({float(start)!r})" for start in starts[kept:])]
    known = [f"wide({name})" for name in held]
    return [
        *(
            f"before_{k} = tl.load(totals + ({k} * stride + place), mask=place < now, other={float(start)!r})"
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
