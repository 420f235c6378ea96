"""What waits for a device, found where there is none."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Operations whose result, or its size, the host must know.
WAITING = {
    *("aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::nonzero"),
    *("aten::masked_select", "aten::unique_consecutive", "aten::unique_dim", "aten::_unique", "aten::_unique2"),
}


class NoWaits(TorchDispatchMode):
    """Refuses PyTorch's operations that wait for a device, also those within a gradient of an embedding."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(each not in (torch.Tensor, torch.nn.Parameter) for each in types):
            return NotImplemented
        name, kwargs = function._schema.name, kwargs or {}
        masks = name.startswith("aten::index") and any(
            isinstance(each, torch.Tensor) and each.dtype in (torch.bool, torch.uint8)
            for each in tree_leaves(args[1:2])
        )
        counted = name == "aten::repeat_interleave" and kwargs.get("output_size") is None
        waits = name in WAITING or masks or counted
        assert not waits, f"{function} waits for the device"
        return function(*args, **kwargs)
