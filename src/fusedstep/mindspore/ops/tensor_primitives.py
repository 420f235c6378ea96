"""The functions of ``functional`` as objects: ``Mul()(x, y)`` is ``mul(x, y)``."""

from collections.abc import Callable
from typing import Any, ClassVar

from . import functional

# MindSpore's names of these objects' classes.
NAMES = {
    "Abs": "abs",
    "Add": "add",
    "AddN": "addn",
    "Assign": "assign",
    "AssignAdd": "assign_add",
    "AssignSub": "assign_sub",
    "Cast": "cast",
    "DType": "dtype",
    "Depend": "depend",
    "Div": "div",
    "Equal": "equal",
    "Exp": "exp",
    "Fill": "fill",
    "Gather": "gather",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "Log": "log",
    "LogicalNot": "logical_not",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Mul": "mul",
    "Neg": "neg",
    "NotEqual": "not_equal",
    "OnesLike": "ones_like",
    "Pow": "pow",
    "ReLU": "relu",
    "RealDiv": "div",
    "Reshape": "reshape",
    "Rsqrt": "rsqrt",
    "Select": "select",
    "Shape": "shape",
    "Sign": "sign",
    "Sqrt": "sqrt",
    "Square": "square",
    "Sub": "sub",
    "Unique": "unique",
    "ZerosLike": "zeros_like",
}


class TensorPrimitive:
    """A function on tensors as an object.

    >>> CLASSES["Unique"]()(functional.as_tensor([5, 5]))[0].tolist()
    [5]
    """

    function: ClassVar[Callable[..., Any]]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return type(self).function(*arguments, **keywords)

    def __repr__(self) -> str:
        return f"Prim[{type(self).__name__}]"

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return type(self).__name__

    def set_device(self, device_target: str) -> "TensorPrimitive":
        """Accepted, without effect: calls run on the CPU.

        Args:
            device_target: the device.
        """
        return self


def primitive_class(name: str, function: Callable[..., Any]) -> type[TensorPrimitive]:
    """Make the class of a function."""
    return type(
        name,
        (TensorPrimitive,),
        {
            "function": staticmethod(function),
            "__doc__": f"{str(function.__doc__).splitlines()[0]} ``ops.{function.__name__}`` describes the arguments.",
            "__module__": "fusedstep.mindspore.ops.operations",
        },
    )


CLASSES = {name: primitive_class(name, getattr(functional, function)) for name, function in NAMES.items()}
