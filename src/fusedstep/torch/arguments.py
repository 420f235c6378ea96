"""What the arguments that optimizers share mean, written once."""

import inspect
import re
from typing import TypeVar

ARGUMENTS = {
    "params": "parameters, pairs of names and parameters, or parameter groups.",
    "lr": "the step size.",
    "betas": "decay rates of the mean of the gradients and of the mean of their squares.",
    "eps": "added to the square root, so that nothing is divided by 0.",
    "weight_decay": "the strength of the L2 penalty, whose gradient is added to the gradient.",
    "decoupled_weight_decay": "shrink the weights directly, as ``AdamW`` does, in place of the L2 penalty.",
    "initial_accumulator_value": "the initial value of ``sum``.",
    "l1": "the strength of the L1 penalty, which makes weights exactly 0.",
    "l2": "the strength of the L2 penalty.",
    "maximize": "maximize the objective.",
    "foreach": "accepted for compatibility with torch; ignored.",
    "fused": "accepted for compatibility with torch; ignored.",
    "capturable": "allow a CUDA graph to capture steps of parameters on a GPU.",
    "differentiable": "let autograd record the step, in PyTorch's own operations; parameters must not be leaves.",
    "rows": 'the rows that a sparse gradient updates, decay included: only the ``"touched"`` ones, or ``"every"`` row.',
    "state_dtype": "the dtype of new and loaded states, or a dict of dtypes by state; by default the dtype of "
    "the parameter, and float32 beside 16 bits.",
    "defer": "embeddings whose rows take all their steps, but only when they are looked up; see ``up_to_date``.",
}
# An argument in a docstring, and what is said of it.
ENTRY = re.compile(r"^    (\*{0,2}\w+): (.+(?:\n {8}.+)*)\n?", re.MULTILINE)

Class = TypeVar("Class")


def documented(optimizer: type[Class]) -> type[Class]:
    """Complete the ``Args:`` of a class: its docstring describes its own arguments, ``ARGUMENTS`` the others.

    Raises:
        KeyError: neither describes an argument.
    """
    # Python -OO drops docstrings.
    if optimizer.__doc__:
        text, prompt, example = inspect.cleandoc(optimizer.__doc__).partition(">>>")
        text, _, own = text.partition("Args:\n")
        described = ARGUMENTS | dict(ENTRY.findall(own))
        entries = [f"    {name}: {described[name]}" for name in names(optimizer)]
        optimizer.__doc__ = "\n".join([text.rstrip(), "", "Args:", *entries, "", prompt + example])
    return optimizer


def names(optimizer: type) -> list[str]:
    """The names of a constructor's arguments, as docstrings write them."""
    parameters = inspect.signature(optimizer).parameters.values()
    return [f"**{each.name}" if each.kind is each.VAR_KEYWORD else each.name for each in parameters]
