"""The methods of ``nn.Optimizer`` that change gradients before a step: a subclass may override them."""

from functools import cache
from typing import Any, cast

DECAY, CENTRALIZATION, SCALE = "decay_weight", "gradients_centralization", "scale_grad"
# In the order in which MindSpore calls them.
IN_ORDER = (DECAY, CENTRALIZATION, SCALE)


def apply_overridden(optimizer: Any, base: Any, gradients: Any) -> tuple[Any, tuple[str, ...]]:
    """Gradients after the methods up to the last that a subclass overrides, and the names of these methods.

    The others are left to the kernels, which do the same in the pass of the step.

    Args:
        optimizer: the optimizer.
        base: the base class whose methods the kernels replace.
        gradients: the gradients of a step.
    """
    done = called_methods(cast(Any, type(optimizer)), base)
    for name in done:
        # Where the rule itself decays the weights, MindSpore does not call it.
        if name != DECAY or not optimizer._decay_scalar:
            gradients = getattr(optimizer, name)(gradients)
    return gradients, done


@cache
def called_methods(cls: Any, base: Any) -> tuple[str, ...]:
    """The methods up to the last that a class overrides."""
    overridden = [getattr(cls, name) is not getattr(base, name) for name in IN_ORDER]
    last = max((place for place, each in enumerate(overridden, start=1) if each), default=0)
    return IN_ORDER[:last]
