"""``Primitive``: an operator on tensors, with the documented arguments, type conversions and results."""

import numbers
from typing import Any, ClassVar

import numpy as np

from ...operators import catalogue
from ..common.tensor import Tensor
from .contracts import CONTRACTS, Contract
from .conversion import convert


class Primitive:
    """An operator of the catalogue on tensors and parameters. States are updated in place.

    Raises:
        TypeError: the type of an option is invalid.

    >>> from fusedstep.mindspore import Parameter, ops
    >>> var, accum = Parameter([0.6, 0.4], name="var"), Parameter([0.6, 0.5], name="accum")
    >>> ops.ApplyProximalAdagrad()(var, accum, 0.01, 0.0, 0.0, Tensor([0.3, 0.7]))[0]
    Tensor(shape=[2], dtype=Float32, value= [ 5.96388459e-01,  3.92964751e-01])
    """

    name: ClassVar[str]
    contract: ClassVar[Contract]

    def __init__(self, *options: Any, **keywords: Any) -> None:
        self._operator = catalogue.OPERATORS[self.name](*options, **keywords)
        self._order = list(self._operator.entry.meanings)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self._operator.constructor_arguments.items())
        return f"Prim[{self.name}]<{options}>"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        operator = self._operator
        if keywords or len(arguments) != len(self._order):
            given = catalogue.bind(self.name, catalogue.call(operator.entry), arguments, keywords)
        else:
            given = dict(zip(self._order, arguments, strict=True))
        # Arguments that MindSpore does not document are passed on unchanged.
        more = {name: given.pop(name) for name in list(given) if name not in self._order}
        for name, value in given.items():
            self.check_kind(name, value)
        for name in self.contract.below_zero_is_zero:
            given[name] = not_below_zero(given[name])
        arrays = convert(self.name, self.contract, given, operator.state_names)
        updated = operator(*arrays.values(), **more)
        if not isinstance(updated, tuple):
            return Tensor.from_numpy(updated)
        if self.contract.outputs == "first":
            return Tensor.from_numpy(updated[0])
        if self.contract.outputs == "zeros":
            return tuple(Tensor.from_numpy(np.zeros(1, array.dtype)) for array in updated)
        return tuple(Tensor.from_numpy(array) for array in updated)

    def set_device(self, device_target: str) -> "Primitive":
        """Accepted, without effect: calls run on the CPU.

        Args:
            device_target: the device.

        Returns:
            The operator.
        """
        return self

    def add_prim_attr(self, name: str, value: Any) -> "Primitive":
        """Accepted, without effect.

        Args:
            name: the attribute of MindSpore's compiler.
            value: its value.

        Returns:
            The operator.
        """
        return self

    def check_kind(self, name: str, value: Any) -> None:
        """Check that an argument is a tensor, or a number if it is a scalar."""
        if isinstance(value, Tensor):
            return
        operator = self._operator
        scalar = name not in (*operator.state_names, operator.labels.gradient, "indices")
        pair = len(operator.entry.meanings[name]) == 2 and isinstance(value, tuple | list)
        if not scalar or not (pair or isinstance(value, numbers.Number)):
            raise TypeError(
                f"{self.name}: {name} is of type {type(value).__name__}, "
                f"expected a Tensor{' or a number' if scalar else ''} of fusedstep.mindspore; "
                "fusedstep.ops takes other arrays"
            )


def not_below_zero(scalar: Any) -> Any:
    """A number or a tensor of one, and 0 in place of what is below; other values are left to the operator's checks."""
    value = scalar.item() if isinstance(scalar, Tensor) and scalar.size == 1 else scalar
    return scalar * 0 if isinstance(value, numbers.Real) and value < 0 else scalar


def operator_class(name: str) -> type[Primitive]:
    """Make the class of a documented operator."""
    entry = catalogue.OPERATORS[name].entry
    doc = (
        f"{entry.summary}\n\n"
        f"Call it with ({', '.join(entry.meanings)}), as tensors and parameters. ``fusedstep.ops.{name}`` describes "
        "each argument, and where the originals differ."
    )
    return type(
        name,
        (Primitive,),
        {
            "name": name,
            "contract": CONTRACTS[name],
            "__doc__": doc,
            "__module__": "fusedstep.mindspore.ops.operations.nn_ops",
            "__signature__": catalogue.constructor(entry),
        },
    )


CLASSES = {name: operator_class(name) for name in CONTRACTS}
