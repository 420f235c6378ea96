"""``Cell``: an object that is called, with parameters and other cells in it."""

from collections.abc import Iterator
from typing import Any

from ..common.parameter import Parameter, ParameterTuple
from ..common.tensor import Tensor


class Cell:
    """The base class of callables with parameters. A subclass defines ``construct``, which runs at each call.

    Args:
        auto_prefix: whether the parameters of cells in it get the name of the attribute before their own.
        flags: kept by MindSpore's compiler; accepted, without effect.

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

    # Defaults for subclasses that set attributes before they call super().__init__().
    training = False
    _auto_prefix = True

    def __init__(self, auto_prefix: bool = True, flags: Any = None) -> None:
        self._auto_prefix = auto_prefix

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        if isinstance(value, Parameter):
            name_if_unnamed(value, name)
        elif isinstance(value, ParameterTuple):
            for number, parameter in enumerate(value):
                name_if_unnamed(parameter, f"Parameter${number}")
        elif isinstance(value, Cell):
            if self._auto_prefix:
                value.update_parameters_name(f"{name}.")
        elif isinstance(held, Parameter) and isinstance(value, Tensor):
            # `self.var = self.var + 1` changes the parameter, as in MindSpore.
            held.set_data(value)
            return
        elif isinstance(held, Parameter | Cell) and value is not None:
            raise TypeError(
                f"{type(self).__name__}: {name} is a {type(held).__name__} and is assigned a {type(value).__name__}, "
                "expected one of its kind, or None"
            )
        super().__setattr__(name, value)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.construct(*arguments, **keywords)

    def construct(self, *arguments: Any, **keywords: Any) -> Any:
        """Run a call.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no construct(), expected the subclass to define it")

    @property
    def cls_name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    def cells(self) -> list["Cell"]:
        """The cells that are attributes of this one."""
        return list(self.name_cells().values())

    def name_cells(self) -> dict[str, "Cell"]:
        """The cells that are attributes of this one, by name. A cell under two names has its first."""
        named: dict[str, Cell] = {}
        for name, value in vars(self).items():
            if isinstance(value, Cell) and not any(value is other for other in named.values()):
                named[name] = value
        return named

    def cells_and_names(self, name_prefix: str = "") -> Iterator[tuple[str, "Cell"]]:
        """This cell and all cells in it, each once, with names such as "block.dense".

        Args:
            name_prefix: the name of this cell.
        """
        yield from self._walk(name_prefix, set())

    def _walk(self, name: str, seen: set[int]) -> Iterator[tuple[str, "Cell"]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield name, self
        for own, cell in self.name_cells().items():
            yield from cell._walk(f"{name}.{own}" if name else own, seen)

    def get_parameters(self, expand: bool = True) -> Iterator[Parameter]:
        """The cell's own parameters, then those of the cells in it, each once.

        Args:
            expand: whether to include the cells in it.
        """
        yield from (parameter for _, parameter in self.parameters_and_names(expand=expand))

    def trainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters that require a gradient.

        Args:
            recurse: whether to include the cells in it.
        """
        return [parameter for parameter in self.get_parameters(recurse) if parameter.requires_grad]

    def untrainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters that require no gradient.

        Args:
            recurse: whether to include the cells in it.
        """
        return [parameter for parameter in self.get_parameters(recurse) if not parameter.requires_grad]

    def parameters_dict(self, recurse: bool = True) -> dict[str, Parameter]:
        """The parameters by name.

        Args:
            recurse: whether to include the cells in it.
        """
        return {parameter.name: parameter for parameter in self.get_parameters(recurse)}

    def parameters_and_names(self, name_prefix: str = "", expand: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters, each once, with the names of the attributes on the way to them, such as "block.weight".

        Args:
            name_prefix: the name of this cell.
            expand: whether to include the cells in it.
        """
        seen: set[int] = set()
        for path, cell in self.cells_and_names(name_prefix) if expand else [(name_prefix, self)]:
            for name, parameter in cell._own_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield f"{path}.{name}" if path else name, parameter

    def _own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield name, value
            elif isinstance(value, ParameterTuple):
                yield from ((parameter.name, parameter) for parameter in value)

    def update_parameters_name(self, prefix: str = "", recurse: bool = True) -> None:
        """Name the parameters after the attributes on the way to them, behind a prefix.

        Args:
            prefix: the prefix.
            recurse: whether to include the cells in it.

        >>> cell = Cell()
        >>> cell.weight = Parameter([1.0], name="own")
        >>> cell.update_parameters_name("block.")
        >>> cell.weight.name
        'block.weight'
        """
        if prefix:
            for name, parameter in list(self.parameters_and_names(expand=recurse)):
                parameter.name, parameter.has_name = f"{prefix}{name}", True

    def insert_param_to_cell(self, param_name: str, param: Parameter, check_name_contain_dot: bool = True) -> None:
        """Set a parameter as an attribute.

        Args:
            param_name: the attribute's name.
            param: the parameter.
            check_name_contain_dot: whether a dot in the name is refused.

        Raises:
            TypeError: it is not a parameter.
            ValueError: the name has a dot.
        """
        if not isinstance(param, Parameter):
            raise TypeError(f"insert_param_to_cell: param is a {type(param).__name__}, expected a Parameter")
        if check_name_contain_dot and "." in param_name:
            raise ValueError(f"insert_param_to_cell: param_name is {param_name!r}, expected no dot")
        name_if_unnamed(param, param_name)
        super().__setattr__(param_name, param)

    def insert_child_to_cell(self, child_name: str, child_cell: "Cell") -> None:
        """Set a cell as an attribute. The names of its parameters stay.

        Args:
            child_name: the attribute's name.
            child_cell: the cell.

        Raises:
            TypeError: it is not a cell.
        """
        if not isinstance(child_cell, Cell):
            raise TypeError(f"insert_child_to_cell: child_cell is a {type(child_cell).__name__}, expected a Cell")
        super().__setattr__(child_name, child_cell)

    def set_train(self, mode: bool = True) -> "Cell":
        """Set ``training`` of this cell and of all cells in it.

        Args:
            mode: whether the cell is trained.
        """
        for _, cell in self.cells_and_names():
            cell.training = mode
        return self

    def set_inputs(self, *inputs: Any, **keywords: Any) -> None:
        """Accepted, without effect: calls run at once, with any shape.

        Args:
            *inputs: the shapes that MindSpore's compiler would expect.
            **keywords: the same by name.
        """

    def set_grad(self, requires_grad: bool = True) -> "Cell":
        """Accepted, without effect: there is no autodiff.

        Args:
            requires_grad: what MindSpore's autodiff would record.
        """
        return self


def name_if_unnamed(parameter: Parameter, name: str) -> None:
    """Name a parameter after its attribute, unless it was given a name."""
    if not parameter.has_name:
        parameter.name, parameter.has_name = name, True
