"""Numbers of float64 on a device that write down what is computed from them.

The functions of a closed form's totals are plain Python. They are called once, with symbols in the place of numbers.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

REMEDY = "use the words of rules and Python's operators"
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


# Its functions that are Python's operators.
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "remainder": operator.mod,
    "negative": operator.neg,
    "positive": operator.pos,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "logical_and": operator.and_,
    "logical_or": operator.or_,
    "logical_not": operator.invert,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "invert": operator.invert,
}


class Symbol:
    """A number of float64 on a device, or a condition; operations on it are written down as statements.

    Attributes:
        name: its name in the text.
        statements: those of the text so far; all symbols of a text share them.
        is_condition: whether it is a condition.
    """

    def __init__(self, name: str, statements: list[str], is_condition: bool = False) -> None:
        self.name, self.statements, self.is_condition = name, statements, is_condition

    def assigned(self, expression: str, is_condition: bool = False) -> "Symbol":
        """The value of an expression, under a new name."""
        name = f"value_{len(self.statements)}"
        self.statements.append(f"{name} = {expression}")
        return Symbol(name, self.statements, is_condition)

    def binary(self, sign: str, left: Any, right: Any) -> "Symbol":
        return self.assigned(f"{text_of(left)} {sign} {text_of(right)}")

    def compared(self, sign: str, other: Any) -> "Symbol":
        return self.assigned(f"{text_of(self)} {sign} {text_of(other)}", True)

    def joined(self, sign: str, other: Any) -> "Symbol":
        return self.assigned(f"{condition_text(self)} {sign} {condition_text(other)}", True)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **known: Any) -> Any:
        if method != "__call__" or known:
            return NotImplemented
        if ufunc.__name__ in OPERATORS:
            # Numbers of NumPy would ask for this function again.
            return OPERATORS[ufunc.__name__](*(each if isinstance(each, Symbol) else float(each) for each in inputs))
        return self.word(ufunc.__name__, inputs)

    def __array_function__(self, function: Any, types: Any, given: Any, known: Any) -> Any:
        return self.word(function.__name__, given) if not known else NotImplemented

    def word(self, function: str, given: Any) -> Any:
        """The value of a word."""
        if function not in WORDS:
            raise TypeError(f"a closed form calls numpy.{function}, which devices do not know; {REMEDY}")
        first, *others = given
        texts = [condition_text(first) if function == "where" else text_of(first), *map(text_of, others)]
        return self.assigned(f"word_{WORDS[function]}({', '.join(texts)})")

    def __float__(self) -> float:
        raise TypeError(
            f"a closed form makes a plain number of a scalar on a device, as functions of math do; {REMEDY}"
        )

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
        return self.assigned(f"-{text_of(self)}")

    def __pos__(self) -> "Symbol":
        return self

    def __mod__(self, other: Any) -> "Symbol":
        return self.assigned(f"word_remainder({text_of(self)}, {text_of(other)})")

    def __rmod__(self, other: Any) -> "Symbol":
        return self.assigned(f"word_remainder({text_of(other)}, {text_of(self)})")

    def __rpow__(self, other: Any) -> "Symbol":
        return self.assigned(f"word_power({text_of(other)}, {text_of(self)})")

    def __invert__(self) -> "Symbol":
        return self.assigned(f"~{condition_text(self)}", True)

    def __abs__(self) -> "Symbol":
        return self.assigned(f"word_abs({text_of(self)})")

    def __lt__(self, other: Any) -> "Symbol":
        return self.compared("<", other)

    def __le__(self, other: Any) -> "Symbol":
        return self.compared("<=", other)

    def __gt__(self, other: Any) -> "Symbol":
        return self.compared(">", other)

    def __ge__(self, other: Any) -> "Symbol":
        return self.compared(">=", other)

    def __eq__(self, other: Any) -> Any:
        return self.compared("==", other)

    def __ne__(self, other: Any) -> Any:
        return self.compared("!=", other)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Any) -> "Symbol":
        return self.joined("&", other)

    __rand__ = __and__

    def __or__(self, other: Any) -> "Symbol":
        return self.joined("|", other)

    __ror__ = __or__


def text_of(value: Any) -> str:
    """The text of a number of float64; a condition is 0 or 1."""
    if isinstance(value, Symbol):
        return f"{value.name}.to(tl.float64)" if value.is_condition else value.name
    return f"wide({number_text(value)})"


def condition_text(value: Any) -> str:
    """The text of a condition; a number other than 0 is true."""
    if isinstance(value, Symbol):
        return value.name if value.is_condition else f"({value.name} != 0)"
    return f"(wide({number_text(bool(value))}) != 0)"


def number_text(value: Any) -> str:
    """The text of a plain number."""
    number = float(value)
    return repr(number) if math.isfinite(number) else f'float("{number}")'
