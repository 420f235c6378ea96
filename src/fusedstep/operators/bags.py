"""Gradients of bags: the sums of rows that were looked up together share one row of the gradient."""

from typing import Any, NamedTuple


class Bags(NamedTuple):
    """The gradient of one lookup in a table, as the caller passes it.

    Attributes:
        gradient: one row for each bag; without ``offsets`` one for each index.
        indices: the rows of the table that were looked up, bag by bag.
        offsets: where each bag begins among the indices, as ``torch.nn.EmbeddingBag`` takes them, with or without
            their end; None if each index is a bag of its own.
        weights: the factor of each index; None for factors of 1.
    """

    gradient: Any
    indices: Any
    offsets: Any = None
    weights: Any = None


class BagGradient(NamedTuple):
    """A gradient of a table: the gradients of lookups, summed. It is never expanded to a row for each index.

    Attributes:
        lookups: the lookups, in the order in which gradients are summed.
        private: whether no one else can change their indices, offsets and weights, which then need not be copied.
    """

    lookups: tuple[Bags, ...]
    private: bool = False


def is_sparse(gradient: Any, indices: Any) -> bool:
    """Return whether a gradient is of some rows only: with indices, or of bags, which have their own."""
    return indices is not None or isinstance(gradient, BagGradient)


def gradient_of_bags(operator: str, gradient: Any, indices: Any, offsets: Any, weights: Any) -> BagGradient:
    """The gradient of a call with offsets or weights.

    Raises:
        TypeError: there are no indices.
    """
    if indices is None:
        name = "weights" if offsets is None else "offsets"
        raise TypeError(f"{operator}: {name} given without indices, expected the rows of the bags; pass indices")
    return BagGradient((Bags(gradient, indices, offsets, weights),))
