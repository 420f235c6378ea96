"""What an example of MindSpore's documentation calls and prints, and how it is run."""

import ast
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class State:
    """A parameter."""

    values: Any
    type: str = "float32"


@dataclass(frozen=True)
class Given:
    """A tensor."""

    values: Any
    type: str = "float32"


@dataclass(frozen=True)
class SumOfSquares:
    """The sum of the squares of another argument."""

    of: str


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        operator: its name.
        arguments: the arguments of the call by name, in their order: parameters, tensors, and numbers.
        prints: the documented numbers, one text for each array that is printed.
        shows: the argument that is printed, or the result of the call.
        settings: the arguments of the constructor.
        home: where the example finds the operator: "ops", "P" for ``ops.operations``, or "nn_ops" of that.
        graph: whether the example selects the graph mode.
        silent: why the numbers are those of the formula, where the documentation prints none.
        refused: the error of the documented call, where that is against the documentation or has no meaning.
        instead: arguments that make such a call a good one, which then gives the documented numbers.
    """

    operator: str
    arguments: dict[str, Any]
    prints: tuple[str, ...]
    shows: str = "result"
    settings: dict[str, Any] = field(default_factory=dict)
    home: str = "ops"
    graph: bool = False
    silent: str = ""
    refused: str = ""
    instead: dict[str, Any] = field(default_factory=dict)

    def mended(self) -> "Example":
        """The example, as a call that is not refused."""
        return replace(self, arguments=self.arguments | self.instead)


ONES = [[1, 1], [1, 1]]
TABLE = np.ones((3, 1, 2)).tolist()
# Many examples have these in common.
VAR, SLOT, GRAD = [[0.6, 0.4], [0.1, 0.5]], [[0.6, 0.5], [0.2, 0.6]], [[0.3, 0.7], [0.1, 0.8]]
ROWS = Given([0, 1], "int32")
TWO_ROWS = Given([[[0.1, 0.1]], [[0.1, 0.1]]])


def tensors(numbers: dict[str, float]) -> dict[str, Given]:
    """Numbers as tensors."""
    return {name: Given(number) for name, number in numbers.items()}


def run(example: Example, mindspore: ModuleType) -> list[np.ndarray[Any, Any]]:
    """Run an example with MindSpore or with what has its interface: the arrays that it prints."""
    homes = {"ops": mindspore.ops, "P": mindspore.ops.operations, "nn_ops": mindspore.ops.operations.nn_ops}
    operator = getattr(homes[example.home], example.operator)(**example.settings)
    types = {name: getattr(mindspore, name) for name in ("float16", "float32", "int32", "int64")}

    values: dict[str, Any] = {}
    for name, value in example.arguments.items():
        values[name] = value
        if isinstance(value, SumOfSquares):
            values[name] = mindspore.ops.ReduceSum()(mindspore.ops.Square()(values[value.of]))
        elif isinstance(value, State | Given):
            tensor = mindspore.Tensor(np.array(value.values), types[value.type])
            values[name] = mindspore.Parameter(tensor, name=name) if isinstance(value, State) else tensor
    states = {name: values[name] for name, value in example.arguments.items() if isinstance(value, State)}

    class Net(mindspore.nn.Cell):  # type: ignore[name-defined,misc]
        """A cell that holds the operator and the parameters, as most examples have it."""

        def __init__(self) -> None:
            super().__init__()
            self.operator = operator
            for name, parameter in states.items():
                setattr(self, name, parameter)

        def construct(self, *rest: Any) -> Any:
            given = iter(rest)
            return self.operator(*(getattr(self, name) if name in states else next(given) for name in values))

    if example.home == "nn_ops":
        result = operator(*values.values())
    else:
        result = Net()(*(value for name, value in values.items() if name not in states))
    shown = result if example.shows == "result" else values[example.shows]
    return [each.asnumpy() for each in (shown if isinstance(shown, tuple) else (shown,))]


def documented(text: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The numbers of a printed array, and how far each may be rounded: NumPy and MindSpore print eight decimals.

    >>> numbers, halves = documented("[[0.25 1.] [2.5e-03 3.]]")
    >>> numbers.tolist(), halves.tolist()
    ([[0.25, 1.0], [0.0025, 3.0]], [[5e-09, 5e-09], [5e-12, 5e-09]])
    """
    numbers = np.array(ast.literal_eval(text.replace(" ", ",")), float)
    texts = text.replace("[", " ").replace("]", " ").split()
    halves = [float("5e-9" if "e" not in each else f"5e{int(each.split('e')[1]) - 9}") for each in texts]
    return numbers, np.reshape(halves, numbers.shape)
