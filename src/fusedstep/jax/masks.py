"""Masks: for which parameters a scalar, such as weight decay, is 0."""

from collections.abc import Mapping
from typing import Any

import jax


def is_none(leaf: Any) -> bool:
    """Return whether a leaf is None, which stands for no parameter or no gradient."""
    return leaf is None


def zero_scalars(operator: str, masks: Mapping[str, Any], updates: Any, count: int) -> list[frozenset[str]]:
    """For each of the gradients, the names of the scalars that are 0 for it.

    Args:
        operator: the operator's name.
        masks: by the name of a scalar a tree of bools, False where the scalar is 0: a prefix of the tree of the
            gradients, or a function of that tree.
        updates: the tree of the gradients.
        count: the number of its leaves, None included.

    Raises:
        ValueError: a mask is not a prefix of the tree of the gradients.
    """
    columns = {name: flags_of(operator, name, mask, updates) for name, mask in masks.items()}
    return [frozenset(name for name, flags in columns.items() if not flags[k]) for k in range(count)]


def flags_of(operator: str, name: str, mask: Any, updates: Any) -> list[bool]:
    """The flag of each leaf of the gradients."""
    prefix = mask(updates) if callable(mask) else mask
    try:
        repeated = jax.tree.map(
            lambda flag, below: [bool(flag)] * len(jax.tree.leaves(below, is_leaf=is_none)),
            prefix,
            updates,
            is_leaf=is_none,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{operator}: the mask of {name} is no prefix of the tree of the gradients: {error}") from None
    found: list[bool] = jax.tree.leaves(repeated)
    return found
