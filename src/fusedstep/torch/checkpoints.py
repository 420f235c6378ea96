"""Whether the states in a checkpoint are those that an optimizer keeps."""

from typing import Any, NamedTuple

from torch import Tensor


class Expected(NamedTuple):
    """The states of a parameter.

    Attributes:
        kinds: of each that the optimizer knows, whether it has one "element" for each of the parameter's, one number a
            "row" or a "column", or is a "number"; "" where settings leave it out.
        needed: those that are there under all settings.
    """

    kinds: dict[str, str]
    needed: set[str]


def check_states(name: str, number: Any, param: Tensor, state: dict[str, Any], expected: Expected) -> None:
    """Checks the states of one parameter in a checkpoint.

    Args:
        name: the optimizer that is to go on from them.
        number: what stands for the parameter in the checkpoint.
        param: the parameter.
        state: its states there, none for one that has not been stepped.
        expected: what the optimizer keeps.

    Raises:
        ValueError: some are missing, not known, or hold another number of elements: they are another optimizer's.
    """
    held = {key: value for key, value in state.items() if not absent(value)}
    if not held:
        return
    missing = [key for key in expected.kinds if key in expected.needed and key not in held]
    unknown = [str(key) for key in held if key not in expected.kinds]
    odd = [
        f"{key} with shape {tuple(value.shape)} for a parameter with shape {tuple(param.shape)}, expected one number "
        f"for each {expected.kinds[key]}"
        for key, value in held.items()
        if isinstance(value, Tensor) and not fits(value, param, expected.kinds.get(key, ""))
    ]
    if missing or unknown or odd:
        found = [("missing", missing), ("not known", unknown), ("of another shape", odd)]
        raise ValueError(
            f"{name}: the states of parameter {number} in the checkpoint are another optimizer's: "
            + "; ".join(f"{what}: {', '.join(which)}" for what, which in found if which)
            + f"; expected {', '.join(expected.kinds) or 'none'}. Load it with the class that saved it, or go on "
            "without it: the next step makes new states"
        )


def absent(value: Any) -> bool:
    """Whether a state is not there: None, or the empty dict that torch makes of it for a flattened checkpoint."""
    return value is None or (isinstance(value, dict) and not value)


def fits(value: Tensor, param: Tensor, kind: str) -> bool:
    """Whether a state may be of a kind; that it is as long as its parameter is checked by the step."""
    if kind == "element":
        return bool(value.dim() == param.dim())
    one_for_each = value.shape == param.shape and value.dim() > 1 and value.numel() != len(param)
    return kind == "" or not one_for_each
