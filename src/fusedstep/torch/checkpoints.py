"""Checks of the states in a checkpoint."""

from typing import Any, NamedTuple

from torch import Tensor


class ExpectedStates(NamedTuple):
    """The states that an optimizer expects for a parameter.

    Attributes:
        kinds: by state, what it has one number for: an "element" of the parameter, a "row" or a "column"; "number" for
            a counter, and "" where the settings need no such state.
        needed: the states that all settings need.
    """

    kinds: dict[str, str]
    needed: set[str]


def check_states(name: str, number: Any, param: Tensor, state: dict[str, Any], expected: ExpectedStates) -> None:
    """Check the states of one parameter in a checkpoint.

    Args:
        name: the optimizer's name, for messages.
        number: the parameter's number in the checkpoint.
        param: the parameter.
        state: its states in the checkpoint; empty before a first step.
        expected: the states that the optimizer expects.

    Raises:
        ValueError: states are missing, unknown or of another shape: they belong to another optimizer.
    """
    present = {key: value for key, value in state.items() if not absent(value)}
    if not present:
        return
    missing = [key for key in expected.kinds if key in expected.needed and key not in present]
    unknown = [str(key) for key in present if key not in expected.kinds]
    misshapen = [
        f"{key} with shape {tuple(value.shape)} for a parameter with shape {tuple(param.shape)}, expected one number "
        f"for each {expected.kinds[key]}"
        for key, value in present.items()
        if isinstance(value, Tensor) and not fits(value, param, expected.kinds.get(key, ""))
    ]
    if missing or unknown or misshapen:
        found = [("missing", missing), ("unknown", unknown), ("of another shape", misshapen)]
        raise ValueError(
            f"{name}: the states of parameter {number} in the checkpoint belong to another optimizer: "
            + "; ".join(f"{what}: {', '.join(which)}" for what, which in found if which)
            + f"; expected {', '.join(expected.kinds) or 'none'}. Load it with the class that saved it, or continue "
            "without it: the next step creates new states"
        )


def absent(value: Any) -> bool:
    """Return whether a state is absent: None, or the empty dict that torch writes for it in a flattened checkpoint."""
    return value is None or (isinstance(value, dict) and not value)


def fits(value: Tensor, param: Tensor, kind: str) -> bool:
    """Return whether a state's shape suits its kind; its size is checked by the step."""
    if kind == "element":
        return bool(value.dim() == param.dim())
    per_element = value.shape == param.shape and value.dim() > 1 and value.numel() != len(param)
    return kind == "" or not per_element
