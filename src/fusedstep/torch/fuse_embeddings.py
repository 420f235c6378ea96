"""Exchange the embeddings of a model for those whose gradients are never built."""

from typing import Any

import torch
from torch import nn

from .deferred_tensor import DeferredTensor
from .embedding import Embedding
from .embedding_bag import EmbeddingBag
from .layouts import has_rows

EXCHANGED: dict[type[nn.Module], type[nn.Module]] = {nn.Embedding: Embedding, nn.EmbeddingBag: EmbeddingBag}
OURS = (Embedding, EmbeddingBag)


class FusedEmbeddings(list[nn.Module]):
    """The modules that an optimizer's ``defer`` takes, and what ``fuse_embeddings`` left as it was.

    Attributes:
        left_alone: for each embedding that was not exchanged, its name in the model and the reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left_alone: dict[str, str] = {}


def fuse_embeddings(model: nn.Module) -> FusedEmbeddings:
    """Turn each ``torch.nn.Embedding`` and ``EmbeddingBag`` of a model into that of ``fusedstep.torch``, in place.

    The modules stay the same objects: only their class changes. So parameters, tied weights, hooks, names, their order,
    ``state_dict()`` and references to the modules stay as they are. A model that is pickled whole then needs fusedstep
    to be loaded; its ``state_dict()`` does not. Code that looks modules up by their exact type, as quantisation does,
    does not find them; ``module.__class__ = torch.nn.Embedding`` undoes the exchange. A second call changes nothing,
    and returns the same.

    An embedding is left as it is, and a line on the logger ``"fusedstep"`` at level WARNING says so, where it

    - is of a subclass, which has a forward of its own (quantised and parametrised ones, too), or compiled by
      ``torch.jit.script``;
    - has another ``forward`` set on the object;
    - has a weight that is not a plain parameter, such as a DTensor, or that is computed at each forward, as by
      ``weight_norm`` or ``prune``;
    - has an option with which the gradient is torch's: ``mode="max"``, ``scale_grad_by_freq=True``, complex numbers.

    Args:
        model: the model, which may itself be an embedding.

    Returns:
        The embeddings of ``fusedstep.torch`` in the model whose weight is trained, as a list for the argument ``defer``
        of Adam, AdamW, SparseAdam, SGD and others. Its ``left_alone`` has the name and the reason of each embedding
        that was left as it is.

    Raises:
        TypeError: ``model`` is no module.

    >>> import torch, fusedstep as fs
    >>> model = torch.nn.Sequential(torch.nn.EmbeddingBag(1000, 16), torch.nn.Linear(16, 1))
    >>> embeddings = fs.torch.fuse_embeddings(model)
    >>> model[0]
    EmbeddingBag(1000, 16, mode='mean')
    >>> embeddings == [model[0]], embeddings.left_alone
    (True, {})
    >>> optimizer = fs.torch.Adam(model.parameters(), defer=embeddings)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"fuse_embeddings: model is of type {type(model).__name__}, expected a torch.nn.Module")
    embeddings = FusedEmbeddings()
    for name, module in model.named_modules():
        if not is_embedding(module):
            continue
        reason = reason_to_leave(module)
        if reason is not None:
            embeddings.left_alone[name] = reason
            continue
        module.__class__ = EXCHANGED.get(type(module), type(module))
        if is_deferrable(module.weight):
            embeddings.append(module)
    if embeddings.left_alone:
        tell(embeddings)
    return embeddings


def is_embedding(module: nn.Module) -> bool:
    """Return whether a module is an embedding of torch, of a subclass, or compiled from one."""
    if isinstance(module, torch.jit.ScriptModule):
        return getattr(module, "original_name", None) in ("Embedding", "EmbeddingBag")
    return isinstance(module, nn.Embedding | nn.EmbeddingBag)


def reason_to_leave(module: Any) -> str | None:
    """Why an embedding cannot be exchanged; None if it can."""
    if isinstance(module, torch.jit.ScriptModule):
        return "it is compiled by torch.jit.script"
    if torch.nn.utils.parametrize.is_parametrized(module):
        return "its weight is computed by torch.nn.utils.parametrize"
    if type(module) not in EXCHANGED and not isinstance(module, OURS):
        return f"it is of the subclass {type(module).__name__}; derive that from fusedstep.torch's class"
    if "forward" in vars(module):
        return "its forward was replaced"
    weight = module._parameters.get("weight")
    if weight is None:
        return "its weight is not a parameter, but computed"
    if type(weight) not in (nn.Parameter, DeferredTensor):
        return f"its weight is of type {type(weight).__name__}"
    if not weight.dtype.is_floating_point:
        return f"its weight holds {weight.dtype}"
    if getattr(module, "mode", None) == "max":
        return 'with mode="max" its gradient is torch\'s'
    if module.scale_grad_by_freq:
        return "with scale_grad_by_freq=True its gradient is torch's"
    return None


def is_deferrable(weight: Any) -> bool:
    """Return whether an optimizer defers the rows of a weight: it is trained, plain and in contiguous rows."""
    return (
        type(weight) in (nn.Parameter, DeferredTensor)
        and weight.requires_grad
        and weight.dtype.is_floating_point
        and has_rows(weight)
    )


def tell(embeddings: FusedEmbeddings) -> None:
    """Say which modules were left alone."""
    import logging

    reasons = "; ".join(f"{name or 'the model itself'}: {why}" for name, why in embeddings.left_alone.items())
    logging.getLogger("fusedstep").warning("fuse_embeddings: embeddings are left as they are: %s", reasons)
