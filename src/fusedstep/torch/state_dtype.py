"""The dtypes of states, where a group chooses them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..arrays.torch_tensors import type_name
from ..storage import STORAGES, one_of, types_beside
from .layouts import compute_dtype
from .settings import own_setting

StateDtype = torch.dtype | Mapping[str, torch.dtype] | None


def chosen_dtype(group: dict[str, Any], key: str) -> torch.dtype | None:
    """The dtype of real numbers that a group chooses for a state; None if it chooses none."""
    chosen = own_setting(group, "state_dtype")
    dtype: torch.dtype | None = chosen.get(key) if isinstance(chosen, Mapping) else chosen
    return dtype


def check_state_dtype(name: str, group: dict[str, Any], param: Tensor, keys: Sequence[str]) -> None:
    """Check a group's choice beside one of its parameters.

    Args:
        name: the optimizer's name, for messages.
        group: the group.
        param: the parameter.
        keys: the states of the optimizer.

    Raises:
        TypeError: it is no dtype that states may have.
        ValueError: it names a state that the optimizer does not have, or does not go with the parameter.
    """
    chosen = own_setting(group, "state_dtype")
    if isinstance(chosen, Mapping):
        unknown = [each for each in chosen if each not in keys]
        if unknown:
            known = ", ".join(keys) or "no state"
            raise ValueError(f"{name}: state_dtype names {', '.join(map(repr, unknown))}, expected some of {known}")
        # A copy, since the caller may change it; and one that checkpoints can hold.
        chosen = group["state_dtype"] = dict(chosen)
    for dtype in chosen.values() if isinstance(chosen, Mapping) else (chosen,):
        if dtype is not None:
            check_dtype(name, dtype, param)


def check_dtype(name: str, dtype: Any, param: Tensor) -> None:
    """Check the dtype of a state beside its parameter.

    Raises:
        TypeError: it is no dtype that states may have.
        ValueError: it does not go with the parameter.
    """
    if not isinstance(dtype, torch.dtype) or type_name(dtype) not in STORAGES:
        raise TypeError(f"{name}: state_dtype is {dtype!r}, expected a dtype of torch ({one_of()}) or a dict of them")
    own, compute = type_name(param.dtype.to_real()), type_name(compute_dtype(param).to_real())
    # PyTorch has few complex types.
    wanted = [each for each in types_beside(own) if not param.is_complex() or each in (own, compute)]
    if type_name(dtype) not in wanted:
        raise ValueError(
            f"{name}: state_dtype is {dtype} beside a parameter of {param.dtype}, expected {one_of(wanted)}; "
            "put parameters of other dtypes into groups of their own"
        )
