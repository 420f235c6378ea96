"""The kernels of an operator, built at their first use."""

from typing import Any

from ...codegen.gpu.build import build
from ...codegen.recipe import Recipe
from ...rules.idle import ClosedForm


def kernel_of(
    operator: Any,
    storages: tuple[str, ...],
    gradient: str,
    on_device: bool,
    loop: str,
    closed_form: ClosedForm | None = None,
) -> Any:
    """The kernel of a loop for some storage types."""

    def built() -> Any:
        recipe = Recipe(operator.spec, storages, gradient, operator.options.stochastic, loop, closed_form)
        return build(recipe, on_device)

    return operator.build_once((loop, storages, gradient, on_device, closed_form), built)
