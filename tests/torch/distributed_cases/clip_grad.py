"""The norm of gradients that are DTensors."""

from typing import Any

import torch
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

import fusedstep as fs

from . import Place

CUT, ONE_ROW, EMPTY = ((5, 4), Shard(0)), ((1, 4), Shard(0)), ((0, 4), Shard(0))
SEVERAL = [CUT, ((5, 4), Shard(1)), ((5, 4), Replicate(), Partial()), ((4,), Replicate(), Shard(0))]
# PyTorch 2.10 has no norm of order 0 of a DTensor.
HAS_ORDER_0 = not torch.__version__.startswith("2.10.")


def clipping(place: Place) -> None:
    for cases in ([CUT], [ONE_ROW], [EMPTY, CUT], SEVERAL, [ONE_ROW, *SEVERAL]):
        for order in (2, 1, 0.5, *HAS_ORDER_0 * (0,), -1, "inf", float("inf"), float("-inf")):
            for beside in (False, True):
                clip(place, cases, order, beside)


def clip(place: Place, cases: Any, order: Any, beside: bool) -> None:
    pairs = [place.pair(*case) for case in cases]
    wholes, spreads = [whole for whole, _ in pairs], [spread for _, spread in pairs]
    if beside:
        for params in (wholes, spreads):
            params.append(torch.nn.Parameter(torch.ones(3)))
            params[-1].grad = torch.arange(1.0, 4.0)
    # torch's norm of an empty gradient is undefined for some orders.
    norm = torch.nn.utils.clip_grad_norm_([each for each in wholes if each.numel()], 0.5, order)
    ours = fs.torch.clip_grad_norm_(spreads, 0.5, order)
    # Gradients of one kind have torch's norm.
    assert isinstance(ours, DTensor) is not beside
    torch.testing.assert_close(ours if beside else ours.full_tensor(), norm)
    for one, two in zip(wholes, spreads, strict=True):
        grad = two.grad.full_tensor() if isinstance(two.grad, DTensor) else two.grad
        torch.testing.assert_close(one.grad, grad)


CASES = (clipping,)
