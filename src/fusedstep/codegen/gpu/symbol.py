"""Numbers of float64 on a device that write down what is computed from them.

The functions of a closed form's totals are plain Python. They are called once, with symbols in the place of numbers.
"""

from typing import Any

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
