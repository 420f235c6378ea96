"""Operators on tensors: arguments in the documented order, types converted as documented, states updated in place."""

import numbers
from typing import Any, ClassVar

import numpy as np

from ...operators import catalogue
from ..common.tensor import Tensor
from .conversion import convert
from .documented import DOCUMENTED, Documented


class Primitive:
    """An operator of the catalogue on tensors and parameters.

    Raises:
        TypeError: an option is not of its type.

    >>> from fusedstep.mindspore import Parameter, ops
    >>> var, accum = Parameter([0.6, 0.4], name="var"), Parameter([0.6, 0.5], name="accum")
    >>> ops.ApplyProximalAdagrad()(var, accum, 0.01, 0.0, 0.0, Tensor([0.3, 0.7]))[0]
    Tensor(shape=[2], dtype=Float32, value= [ 5.96388459e-01,  3.92964751e-01])
    """

    name: ClassVar[str]
    documented: ClassVar[Documented]

    def __init__(self, *options: Any, **named: Any) -> None:
        self._operator = catalogue.OPERATORS[self.name](*options, **named)
        self._order = list(self._operator.entry.meanings)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self._operator.constructor_arguments.items())
        return f"Prim[{self.name}]<{options}>"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        operator = self._operator
        if named or len(arguments) != len(self._order):
            given = catalogue.bind(self.name, catalogue.call(operator.entry), arguments, named)
        else:
            given = dict(zip(self._order, arguments, strict=True))
        # What MindSpore does not document goes on as it is.
        more = {name: given.pop(name) for name in list(given) if name not in self._order}
        for name, value in given.items():
            self.check_kind(name, value)
        arrays = convert(self.name, self.documented, given, operator.state_names)
        updated = operator(*arrays.values(), **more)
        if not isinstance(updated, tuple):
            return Tensor.from_numpy(updated)
        if self.documented.outputs == "first":
            return Tensor.from_numpy(updated[0])
        if self.documented.outputs == "zeros":
            return tuple(Tensor.from_numpy(np.zeros(1, array.dtype)) for array in updated)
        return tuple(Tensor.from_numpy(array) for array in updated)

    def check_kind(self, name: str, value: Any) -> None:
        """Refuses what is no tensor, save a number where a scalar is due."""
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


def operator_class(name: str) -> type[Primitive]:
    """The class of a documented operator."""
    entry = catalogue.OPERATORS[name].entry
    doc = (
        f"{entry.summary}\n\n"
        f"Called with ({', '.join(entry.meanings)}): ``fusedstep.ops.{name}`` on tensors and parameters, "
        "which says what each argument means and where the originals differ."
    )
    return type(
        name,
        (Primitive,),
        {
            "name": name,
            "documented": DOCUMENTED[name],
            "__doc__": doc,
            "__module__": "fusedstep.mindspore.ops.operations.nn_ops",
            "__signature__": catalogue.constructor(entry),
        },
    )


CLASSES = {name: operator_class(name) for name in DOCUMENTED}
