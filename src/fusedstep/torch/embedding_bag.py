"""torch.nn.EmbeddingBag, whose gradient is never built."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .embedding import check_scaling
from .fused_lookup import Manner, look_up

MODES = ("sum", "mean", "max")


class EmbeddingBag(nn.EmbeddingBag):
    """``torch.nn.EmbeddingBag``, whose gradient is never built: it is the gradient of the result, and the ids.

    It has torch's arguments, attributes, ``state_dict`` and results, bit for bit. After a backward pass
    ``weight.grad`` is a tensor that holds the gradient of the result as it was given, one row a bag, the ids, the
    offsets and the factors. The optimizers of ``fusedstep.torch`` read it as it is. For everything else it is what
    ``torch.nn.EmbeddingBag`` leaves:

    - with ``sparse=False`` a dense gradient: every row takes the step;
    - with ``sparse=True`` a sparse one: which rows take the step is said by the optimizer's ``rows``.

    With ``mode="max"`` or ``scale_grad_by_freq=True``, and where torch records, transforms or exports the lookup, the
    gradient is torch's own.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the length of a row.
        max_norm: rows with a larger norm are scaled to it, in place, when they are looked up.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up. Only with ``sparse=False``, and
            not with ``mode="max"``.
        mode: how the rows of a bag are combined: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: whether the gradient stands for a sparse one. Not with ``mode="max"``.
        include_last_offset: whether the offsets have the end of the last bag, too.
        padding_idx: the row that takes no part in bags and gets no gradient. It is 0 at first.
        device: the device of the weight.
        dtype: the dtype of the weight.

    Raises:
        ValueError: ``mode`` is unknown, or arguments contradict each other, which torch refuses in the forward or
            backward pass.

    >>> import torch, fusedstep as fs
    >>> rows = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> table = fs.torch.EmbeddingBag.from_pretrained(rows, freeze=False, mode="mean")
    >>> result = table(torch.tensor([2, 0, 2, 1]), torch.tensor([0, 2]))
    >>> result.tolist()
    [[3.0, 4.0], [4.0, 5.0]]
    >>> result.sum().backward()
    >>> optimizer = fs.torch.SGD(table.parameters(), lr=0.5)
    >>> _ = optimizer.step()
    >>> table.weight.tolist()
    [[0.75, 1.75], [2.75, 3.75], [4.5, 5.5]]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_mode(mode, scale_grad_by_freq, sparse)
        check_scaling("EmbeddingBag", scale_grad_by_freq, sparse)
        super().__init__(
            num_embeddings,
            embedding_dim,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            _weight,
            include_last_offset,
            padding_idx,
            device,
            dtype,
        )

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's name
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """Look up bags of rows, and combine the rows of each.

        Args:
            input: the ids, int32 or int64: one row for each bag, or of one dimension, bag by bag.
            offsets: where each bag begins among ids of one dimension; None beside ids of two.
            per_sample_weights: the factor of each id, of the shape of ``input``. Only with ``mode="sum"``.

        Returns:
            One row for each bag; an empty bag has zeros.
        """
        # TorchScript compiles the first branch only.
        if torch.jit.is_scripting():
            return self._find(input, self.weight, offsets, per_sample_weights)
        else:  # noqa: RET505
            return look_up(self, input, offsets, per_sample_weights)

    def _find(self, indices: Tensor, weight: Tensor, offsets: Tensor | None, factors: Tensor | None) -> Tensor:
        """Torch's lookup in a table."""
        return functional.embedding_bag(
            indices,
            weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            factors,
            self.include_last_offset,
            self.padding_idx,
        )

    def _manner(self) -> Manner:
        own = self.mode != "max" and not self.scale_grad_by_freq
        return Manner(True, self.mode == "mean", self.padding_idx, self.sparse, own)


def check_mode(mode: str, scale_grad_by_freq: bool, sparse: bool) -> None:
    """Check what torch checks at the first lookup.

    Raises:
        ValueError: the mode is unknown, or does not go with the other arguments.
    """
    if mode not in MODES:
        raise ValueError(f'EmbeddingBag: mode is {mode!r}, expected "sum", "mean" or "max"')
    if mode == "max" and sparse:
        raise ValueError(
            'EmbeddingBag: sparse is True beside mode="max", expected False beside it: its gradient is dense; pass '
            'sparse=False, or mode="sum" or "mean"'
        )
    if mode == "max" and scale_grad_by_freq:
        raise ValueError(
            'EmbeddingBag: scale_grad_by_freq is True beside mode="max", expected False beside it; pass '
            'scale_grad_by_freq=False, or mode="sum" or "mean"'
        )
