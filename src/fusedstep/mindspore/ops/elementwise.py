"""Functions of each element of tensors, as functions: those that are methods or operators of tensors."""

import operator
from collections.abc import Callable
from typing import Any

from ..common.tensor import Tensor

Function = Callable[..., Any]


def as_tensor(value: Any) -> Tensor:
    """A tensor of a number, or the tensor itself."""
    return value if isinstance(value, Tensor) else Tensor(value)


def unary(name: str, method: Function, meaning: str) -> Function:
    """Make a function of one tensor or number."""

    def function(input: Any) -> Any:  # noqa: A002
        return method(as_tensor(input))

    return described(function, name, f"{meaning}\n\nArgs:\n    input: a tensor or a number.\n")


def binary(name: str, method: Function, meaning: str) -> Function:
    """Make a function of two tensors or numbers."""

    def function(input: Any, other: Any) -> Any:  # noqa: A002
        return method(as_tensor(input), other)

    return described(function, name, f"{meaning}\n\nArgs:\n    input: a tensor or a number.\n    other: another.\n")


def described(function: Function, name: str, doc: str) -> Function:
    """Name a function."""
    function.__name__ = function.__qualname__ = name
    function.__module__, function.__doc__ = "fusedstep.mindspore.ops.functional", doc
    return function


UNARY = {
    "abs": unary("abs", Tensor.abs, "The absolute value."),
    "exp": unary("exp", Tensor.exp, "The exponential."),
    "log": unary("log", Tensor.log, "The natural logarithm."),
    "logical_not": unary("logical_not", operator.invert, "Whether the element is 0."),
    "neg": unary("neg", operator.neg, "The element with the other sign."),
    "relu": unary("relu", lambda tensor: tensor.maximum(0), "The element, or 0 where it is negative."),
    "rsqrt": unary("rsqrt", Tensor.rsqrt, "One divided by the square root."),
    "sign": unary("sign", Tensor.sign, "-1, 0 or 1."),
    "sqrt": unary("sqrt", Tensor.sqrt, "The square root."),
    "square": unary("square", Tensor.square, "The square."),
}
BINARY = {
    "add": binary("add", operator.add, "The sum."),
    "div": binary("div", operator.truediv, "The quotient."),
    "equal": binary("equal", operator.eq, "Whether the elements are equal."),
    "greater": binary("greater", operator.gt, "Whether the first is greater."),
    "greater_equal": binary("greater_equal", operator.ge, "Whether the first is not less."),
    "less": binary("less", operator.lt, "Whether the first is less."),
    "less_equal": binary("less_equal", operator.le, "Whether the first is not greater."),
    "maximum": binary("maximum", Tensor.maximum, "The greater element."),
    "minimum": binary("minimum", Tensor.minimum, "The lesser element."),
    "mul": binary("mul", operator.mul, "The product."),
    "not_equal": binary("not_equal", operator.ne, "Whether the elements differ."),
    "pow": binary("pow", operator.pow, "The power."),
    "sub": binary("sub", operator.sub, "The difference."),
}
FUNCTIONS = UNARY | BINARY
