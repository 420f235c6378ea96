"""torch.nn.Embedding, whose gradient is never built."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .fused_lookup import Manner, look_up


class Embedding(nn.Embedding):
    """``torch.nn.Embedding``, whose gradient is never built: it is the gradient of the result, and the ids.

    It has torch's arguments, attributes, ``state_dict`` and results, bit for bit. After a backward pass
    ``weight.grad`` is a tensor that holds the gradient of the result as it was given, without a copy, and the ids. The
    optimizers of ``fusedstep.torch`` read it as it is. For everything else it is what ``torch.nn.Embedding`` leaves:

    - with ``sparse=False`` a dense gradient: every row takes the step;
    - with ``sparse=True`` a sparse one: which rows take the step is said by the optimizer's ``rows``.

    With ``scale_grad_by_freq=True``, and where torch records, transforms or exports the lookup, the gradient is
    torch's own.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the length of a row.
        padding_idx: the row that gets no gradient. It is 0 at first.
        max_norm: rows with a larger norm are scaled to it, in place, when they are looked up.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up. Only with ``sparse=False``.
        sparse: whether the gradient stands for a sparse one.
        device: the device of the weight.
        dtype: the dtype of the weight.

    Raises:
        ValueError: ``sparse`` and ``scale_grad_by_freq`` are both True, which torch refuses in the backward pass.

    >>> import torch, fusedstep as fs
    >>> table = fs.torch.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), freeze=False)
    >>> result = table(torch.tensor([2, 0, 2]))
    >>> result.tolist()
    [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    >>> result.sum().backward()
    >>> optimizer = fs.torch.SGD(table.parameters(), lr=0.5)
    >>> _ = optimizer.step()
    >>> table.weight.tolist()
    [[0.5, 1.5], [3.0, 4.0], [4.0, 5.0]]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_scaling("Embedding", scale_grad_by_freq, sparse)
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            _freeze,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Look up rows.

        Args:
            input: the ids, int32 or int64, of any shape.

        Returns:
            The rows, of the ids' shape and then the length of a row.
        """
        # TorchScript compiles the first branch only.
        if torch.jit.is_scripting():
            return self._find(input, self.weight)
        else:  # noqa: RET505
            return look_up(self, input)

    def _find(self, indices: Tensor, weight: Tensor) -> Tensor:
        """Torch's lookup in a table."""
        return functional.embedding(
            indices, weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def _manner(self) -> Manner:
        return Manner(False, False, self.padding_idx, self.sparse, not self.scale_grad_by_freq)


def check_scaling(name: str, scale_grad_by_freq: bool, sparse: bool) -> None:
    """Refuse a sparse gradient that is scaled by frequency.

    Raises:
        ValueError: both are True.
    """
    if sparse and scale_grad_by_freq:
        raise ValueError(
            f"{name}: sparse is True beside scale_grad_by_freq=True, expected False beside it: torch scales dense "
            "gradients only; pass sparse=False, or scale_grad_by_freq=False"
        )
