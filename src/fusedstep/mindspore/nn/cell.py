"""``Cell``: an object that is called, with parameters."""

from collections.abc import Iterator
from typing import Any

from ..common.parameter import Parameter


class Cell:
    """The base class of callables with parameters. A subclass defines ``construct``, which runs at each call.

    >>> class Twice(Cell):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.var = Parameter(1.5)
    ...     def construct(self, times):
    ...         return self.var.item() * times
    >>> twice = Twice()
    >>> twice(2)
    3.0
    >>> twice.trainable_params()
    [Parameter (name=var, shape=(), dtype=Float32, requires_grad=True)]
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter) and not value.has_name:
            value.name, value.has_name = name, True
        elif isinstance(value, Cell):
            for parameter in value.get_parameters():
                parameter.name = f"{name}.{parameter.name}"
        super().__setattr__(name, value)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.construct(*arguments, **keywords)

    def construct(self, *arguments: Any, **keywords: Any) -> Any:
        """Run a call.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no construct(), expected the subclass to define it")

    def get_parameters(self, expand: bool = True) -> Iterator[Parameter]:
        """The cell's own parameters, then those of the cells in it.

        Args:
            expand: whether to include the cells in it.
        """
        yield from (value for value in vars(self).values() if isinstance(value, Parameter))
        if expand:
            for value in vars(self).values():
                if isinstance(value, Cell):
                    yield from value.get_parameters()

    def trainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters that require a gradient.

        Args:
            recurse: whether to include the cells in it.
        """
        return [parameter for parameter in self.get_parameters(recurse) if parameter.requires_grad]

    def parameters_dict(self, recurse: bool = True) -> dict[str, Parameter]:
        """The parameters by name.

        Args:
            recurse: whether to include the cells in it.
        """
        return {parameter.name: parameter for parameter in self.get_parameters(recurse)}
