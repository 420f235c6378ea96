"""Implicit type conversion: the tensors of a type group are converted to the highest type among them."""

from collections.abc import Collection, Mapping
from typing import Any

from ..common.dtype import DType
from ..common.promotion import convert_array, highest
from ..common.tensor import Tensor
from .contracts import COUNTS, Contract


def convert(operator: str, contract: Contract, arguments: Mapping[str, Any], states: Collection[str]) -> dict[str, Any]:
    """Convert the tensors of a call to arrays, with one type in each group. Numbers are not converted.

    Args:
        operator: the operator's name.
        contract: the operator's type groups.
        arguments: the arguments by name, in order.
        states: the names of the arguments that are updated in place, which are never converted.

    Raises:
        TypeError: the operator does not support a type.
        Exception: a state would need a conversion; the type of error is that of the contract.

    >>> lr, grad = Tensor(0.5, "float16"), Tensor([1, 2])
    >>> convert("Step", Contract("T T"), {"lr": lr, "grad": grad}, ())["grad"].dtype
    dtype('float16')
    """
    groups: dict[str, dict[str, Tensor]] = {}
    for letter, (name, value) in zip(contract.groups.split(), arguments.items(), strict=True):
        if isinstance(value, Tensor):
            groups.setdefault(name if letter == "-" else letter, {})[name] = value
    result = dict(arguments)
    for members in groups.values():
        target = highest({member.dtype for member in members.values()})
        for name in members:
            if name in states and members[name].dtype != target:
                raise contract.refusal(conversion_error(operator, name, members, target))
        for name, member in members.items():
            accepted = COUNTS.get(name, contract.types)
            if target.name not in accepted:
                raise TypeError(
                    f"{operator}: {name} is {target.name} after conversion, expected {' or '.join(accepted)}; "
                    "convert it with astype()"
                )
            result[name] = convert_array(member.asnumpy(), target)
    return result


def conversion_error(operator: str, name: str, members: Mapping[str, Tensor], target: DType) -> str:
    """The message for a state that would need a conversion."""
    own = members[name].dtype
    others = [f"{other} ({tensor.dtype.name})" for other, tensor in members.items() if tensor.dtype != own]
    return (
        f"{operator}: {name} is {own.name} together with {', '.join(others)} and would be converted to {target.name}, "
        f"expected no conversion of a Parameter or of a tensor updated in place; convert the others with astype()"
    )
