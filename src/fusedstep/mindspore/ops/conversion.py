"""Implicit type conversion: within a group of arguments, lower types become the highest."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..common.dtype import DType, as_dtype, float32
from ..common.tensor import Tensor, converted
from .documented import COUNTS, Documented

FLOATS = ("float16", "bfloat16", "float32", "float64")


def convert(
    operator: str, documented: Documented, arguments: Mapping[str, Any], states: Collection[str]
) -> dict[str, Any]:
    """The arguments of a call with tensors as arrays, those of a group of one type. Numbers stay as they are.

    Args:
        operator: its name.
        documented: its groups.
        arguments: the arguments by name, in order.
        states: the names of those that are updated in place, which are never converted.

    Raises:
        TypeError: the operator does not take a type.
        Exception: a state would have to be converted; its type is the documented one.

    >>> lr, grad = Tensor(0.5, "float16"), Tensor([1, 2])
    >>> convert("Step", Documented("T T"), {"lr": lr, "grad": grad}, ())["grad"].dtype
    dtype('float16')
    """
    groups: dict[str, dict[str, Tensor]] = {}
    for letter, (name, value) in zip(documented.groups.split(), arguments.items(), strict=True):
        if isinstance(value, Tensor):
            groups.setdefault(name if letter == "-" else letter, {})[name] = value
    result = dict(arguments)
    for members in groups.values():
        target = highest({member.dtype for member in members.values()})
        for name in members:
            if name in states and members[name].dtype != target:
                raise documented.refusal(never_converted(operator, name, members, target))
        for name, member in members.items():
            accepted = COUNTS.get(name, documented.types)
            if target.name not in accepted:
                raise TypeError(
                    f"{operator}: {name} ends up as {target.name}, expected {' or '.join(accepted)}; "
                    "convert it with astype()"
                )
            result[name] = converted(member.asnumpy(), target)
    return result


def highest(types: Collection[DType]) -> DType:
    """The type that the types of a group become: bool gives way to integers, and they to floating-point types.

    >>> highest({as_dtype("int64"), as_dtype("float16")})
    mindspore.float16
    """
    floats = [each for each in types if each.name in FLOATS]
    if {each.name for each in floats} == {"float16", "bfloat16"}:
        # Neither holds the other.
        return float32
    if floats:
        return max(floats, key=lambda each: FLOATS.index(each.name))
    return as_dtype(np.result_type(*[each.numpy for each in types]))


def never_converted(operator: str, name: str, members: Mapping[str, Tensor], target: DType) -> str:
    """The sentence for a state that would have to be converted."""
    own = members[name].dtype
    beside = [f"{other} ({tensor.dtype.name})" for other, tensor in members.items() if tensor.dtype != own]
    return (
        f"{operator}: {name} is {own.name} beside {', '.join(beside)} and would become {target.name}, "
        f"expected no conversion of a Parameter or of a tensor updated in place; convert the others with astype()"
    )
