"""Which functions of tensors read or write elements."""

from types import GetSetDescriptorType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LOOKUPS = (functional.embedding, functional.embedding_bag)
# Properties of a tensor that depend on its elements.
ELEMENTS = {"data", "T", "mT", "H", "mH", "real", "imag"}
PROPERTIES = [
    value
    for name in dir(Tensor)
    if name not in ELEMENTS and isinstance(value := getattr(Tensor, name), GetSetDescriptorType | property)
]
METHODS = """
    size dim ndimension numel nelement stride is_contiguous storage_offset element_size get_device is_floating_point
    is_complex is_conj is_neg is_inference is_signed is_same_size is_shared is_pinned _is_view requires_grad_
    register_hook register_post_accumulate_grad_hook retain_grad new_empty new_zeros new_ones new_full __len__ __hash__
"""
LIKE = [torch.empty_like, torch.zeros_like, torch.ones_like, torch.full_like, torch.rand_like, torch.randn_like]
# Comparisons read the memory as it is: they show whether rows owe steps.
COMPARISONS = [torch.allclose, torch.equal, Tensor.allclose, Tensor.equal]
# Functions that neither read nor write elements.
WITHOUT_ELEMENTS = frozenset(
    [
        *(each.__get__ for each in PROPERTIES),
        *(each.__set__ for each in PROPERTIES),
        *(getattr(Tensor, name) for name in METHODS.split()),
        *LIKE,
        *(torch.is_floating_point, torch.is_complex, torch.is_conj, torch.is_neg, torch.is_inference, torch.is_signed),
        *(torch.numel, torch.result_type, torch._has_compatible_shallow_copy_type),
        *COMPARISONS,
    ]
)


def needs_elements(func: Any) -> bool:
    """Return whether a function reads or writes elements and is not a lookup."""
    return func not in LOOKUPS and func not in WITHOUT_ELEMENTS


# Like torch.compiler.assume_constant_result, which would import the compiler at once: it cannot trace such a set.
needs_elements._dynamo_marked_constant = True  # type: ignore[attr-defined]
