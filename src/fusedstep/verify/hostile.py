"""Invalid calls, which every operator must refuse."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from ..operators.catalogue import NamedOperator
from ..operators.operator import Operator
from .arguments import arguments, states_of
from .memory import guarded_all

ROWS, SHAPE = 6, (6, 4)
NUMBERS: tuple[Any, ...] = (None, "a", True, np.ones(3), 1j)
# An argument, its fault in words, and the invalid values.
Wrong = Iterator[tuple[str, str, dict[str, Any]]]


def good(name: str, shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    """A valid call whose arrays lie between guards."""
    return guarded_all(arguments(name, shape, np.float32, [3, 1, 3][: shape[0] if shape else 0]))


def hostile_calls(operator: NamedOperator) -> Iterator[tuple[str, dict[str, Any]]]:
    """Invalid calls, each with its fault in words."""
    name = operator.name
    values = good(name)
    yield "an argument is missing", dict(list(values.items())[:-1])
    yield "an argument is not known", values | {"beyond": 1}
    for kind in (hostile_indices, hostile_gradients, hostile_states, hostile_mixtures, hostile_numbers):
        for argument, fault, value in kind(operator, good(name)):
            yield f"{argument} {fault}", good(name) | value


def hostile_indices(operator: NamedOperator, values: Mapping[str, Any]) -> Wrong:
    """Indices out of range, or of an invalid type or shape."""
    if "indices" not in values:
        return
    for bad in (ROWS, -1, 2**32 + 1, -(2**63)):
        for place in range(3):
            indices = np.array([3, 1, 3])
            indices[place] = bad
            yield "indices", f"with {bad} at {place}", {"indices": indices}
    others = {
        "past 2**63": np.array([3, 1, 2**64 - 1], np.uint64),
        "of floats": np.array([3.0, 1.0, 3.0]),
        "of truth values": np.array([True, False, True]),
        "of floats in a list": [3.0, 1.0, 3.0],
        "of truth values in a list": [True, False, True],
        "in lists in a list": [[3], [1], [3]],
        "past 64 bits in a list": [3, 2**64, 3],
        "in a set": {3, 1},
        "of two dimensions": np.array([[3], [1], [3]]),
        "too few": np.array([3, 1]),
        "None": None,
    }
    for fault, wrong in others.items():
        yield "indices", fault, {"indices": wrong}


def hostile_gradients(operator: NamedOperator, values: Mapping[str, Any]) -> Wrong:
    """Gradients of another shape or type."""
    name = operator.labels.gradient
    gradient = values[name]
    others = {
        "None": None,
        "in a list": gradient.tolist(),
        "with a column less": gradient[:, :-1].copy(),
        "with a row less": gradient[:-1].copy(),
        "flat": gradient.reshape(-1),
        "of float64": gradient.astype(np.float64),
        "of int32": gradient.astype(np.int32),
        "of complex64": gradient.astype(np.complex64),
        "of objects": gradient.astype(object),
    }
    for fault, wrong in others.items():
        yield name, fault, {name: wrong}


def used_states(operator: NamedOperator, values: Mapping[str, Any]) -> dict[str, bool]:
    """The states that a call uses, and whether it changes them."""
    spec = on_matrices(operator).array_spec
    changed = dict(zip(spec.names, spec.changed, strict=True))
    return {name: changed[name] for name in states_of(operator, values) if name in changed}


def on_matrices(operator: NamedOperator) -> Operator:
    """The operator as calls on matrices run it."""
    return operator.switched(**{name: decide(2) for name, decide in operator.entry.by_rank.items()})


def hostile_states(operator: NamedOperator, values: Mapping[str, Any]) -> Wrong:
    """States of another shape or type, or that cannot be updated in place."""
    for name, changed in used_states(operator, values).items():
        state = values[name]
        others = {
            "None": None,
            "in a list": state.tolist(),
            "one longer": np.concatenate([state, state[..., :1]], axis=-1),
            "with an axis more": np.stack([state, state]),
            "of int32": state.astype(np.int32),
            "of complex64": state.astype(np.complex64),
            "of objects": state.astype(object),
            "of float64": state.astype(np.float64),
            "masked": np.ma.MaskedArray(state, mask=False),
            "strided": np.repeat(state, 2, axis=-1)[..., ::2],
            "with rows run backwards": state.copy()[::-1],
        }
        if state.ndim > 1:
            others["in columns"] = np.asfortranarray(state)
        if changed:
            others["read-only"] = read_only(state)
            others["misaligned"] = misaligned(state)
            others["broadcast"] = np.lib.stride_tricks.as_strided(state.copy(), state.shape, (0, *state.strides[1:]))
        for fault, wrong in others.items():
            yield name, fault, {name: wrong}


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    copy = memory[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def hostile_mixtures(operator: NamedOperator, values: Mapping[str, Any]) -> Wrong:
    """Two states in the same memory."""
    alike = [name for name in used_states(operator, values) if values[name].shape == SHAPE]
    for first, second in pairwise(alike):
        whole = np.ones((ROWS + 1, SHAPE[1]), np.float32)
        yield second, f"the same array as {first}", {first: whole[:-1], second: whole[:-1]}
        yield second, f"overlapping {first} by all rows but one", {first: whole[:-1], second: whole[1:]}


def hostile_numbers(operator: NamedOperator, values: Mapping[str, Any]) -> Wrong:
    """Scalars that are not numbers, and invalid step sizes."""
    entry = operator.entry
    for name, meanings in entry.meanings.items():
        if name in (*operator.state_names, operator.labels.gradient, "indices"):
            continue
        for bad in NUMBERS:
            yield name, f"is {bad!r}", {name: bad}
        if set(meanings) & set(entry.step_sizes):
            for bad in (-0.1, np.nan, np.inf):
                yield name, f"is {bad}", {name: bad}
