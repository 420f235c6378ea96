"""Cells: names of parameters, walks, and what an assignment to an attribute does."""

import pytest

from fusedstep.mindspore import Parameter, ParameterTuple, Tensor, nn


class Layer(nn.Cell):
    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self.weight = Parameter([1.0], name=name)

    def construct(self, x: float) -> float:
        return float(self.weight) * x


class Block(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Layer(), Layer("given")
        self.own = Parameter([1.0], name="own", requires_grad=False)
        self.again = self.first


def names(cell: nn.Cell) -> list[str]:
    return [parameter.name for parameter in cell.get_parameters()]


def test_names_are_mindspores() -> None:
    # A cell names what is in it by the way to it, also what had a name. What it has itself keeps its name.
    assert names(Layer("given")) == ["given"]
    block = Block()
    assert names(block) == ["own", "again.weight", "second.weight"]
    assert list(block.parameters_dict()) == names(block)
    assert [name for name, _ in block.parameters_and_names()] == ["own", "first.weight", "second.weight"]
    assert [name for name, _ in block.cells_and_names()] == ["", "first", "second"]
    assert (list(block.name_cells()), len(block.cells())) == (["first", "second"], 2)
    assert [each.name for each in block.trainable_params()] == ["again.weight", "second.weight"]
    assert [each.name for each in block.untrainable_params()] == ["own"]
    assert [each.name for each in block.get_parameters(expand=False)] == ["own"]
    block.update_parameters_name("net.")
    assert names(block) == ["net.own", "net.first.weight", "net.second.weight"]


def test_a_cell_without_prefix_leaves_names() -> None:
    class Plain(nn.Cell):
        def __init__(self) -> None:
            super().__init__(auto_prefix=False)
            self.layer = Layer("given")

    assert names(Plain()) == ["given"]


def test_tuples_of_parameters_count_and_lists_do_not() -> None:
    class Holder(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.both = ParameterTuple([Parameter([1.0], name="a"), Parameter([1.0], name="b")])
            self.listed = [Parameter([1.0], name="c")]

    assert names(Holder()) == ["a", "b"]


def test_a_tensor_is_written_into_the_parameter_of_that_name() -> None:
    layer = Layer()
    weight = layer.weight
    layer.weight = layer.weight + 1  # type: ignore[assignment]
    layer.weight += 1  # type: ignore[assignment]
    assert layer.weight is weight
    assert weight.tolist() == [3]
    layer.weight = Parameter([7.0])
    assert (layer.weight.name, layer.weight.tolist()) == ("weight", [7])
    for wrong in (5, "a", [Parameter([1.0])]):
        with pytest.raises(TypeError, match="weight is a Parameter"):
            layer.weight = wrong  # type: ignore[assignment]
    layer.weight = None  # type: ignore[assignment]
    assert names(layer) == []


def test_training_is_set_for_all() -> None:
    block = Block()
    assert not block.training
    assert block.set_train() is block
    assert block.training
    assert block.first.training
    block.set_train(False)
    assert not block.second.training
    block.set_inputs(Tensor(shape=[None, 2], dtype="float32"))
    assert block.set_grad() is block


def test_parameters_and_cells_are_inserted() -> None:
    layer = Layer()
    layer.insert_param_to_cell("bias", Parameter([2.0]))
    layer.insert_child_to_cell("inner", Layer("kept"))
    assert names(layer) == ["weight", "bias", "kept"]
    with pytest.raises(ValueError, match="dot"):
        layer.insert_param_to_cell("a.b", Parameter([2.0]))
    with pytest.raises(TypeError, match="expected a Parameter"):
        layer.insert_param_to_cell("c", Tensor([1.0]))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Cell"):
        layer.insert_child_to_cell("c", Tensor([1.0]))  # type: ignore[arg-type]


def test_names_in_lists_of_cells_follow_the_list() -> None:
    class Net(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.CellList([Layer(), Layer("given"), Block()])
            self.chain = nn.SequentialCell(Layer(), Layer())

    net = Net()
    assert names(net)[:3] == ["layers.0.weight", "layers.1.weight", "layers.2.own"]
    assert names(net)[-2:] == ["chain.0.weight", "chain.1.weight"]
    del net.layers[2]
    net.layers.append(Layer()).extend([Layer()])
    net.layers.insert(0, Layer())
    net.layers[1] = Layer("other")
    assert names(net.layers) == [f"layers.{number}.weight" for number in range(5)]
    assert net.chain(2.0) == 2.0


def test_lists_of_cells_are_lists() -> None:
    layer = Layer()
    cells = nn.CellList([layer, Layer(), layer])
    assert (len(cells), cells[-1] is layer, len(cells[1:])) == (3, True, 2)
    assert [type(each) for each in cells] == [Layer] * 3
    assert names(nn.CellList([Layer("a"), Layer("b")], auto_prefix=False)) == ["a", "b"]
    assert names(nn.SequentialCell({"one": Layer(), "two": Layer()})) == ["one.weight", "two.weight"]
    assert (len(nn.CellList()), nn.SequentialCell()(3)) == (0, 3)
    with pytest.raises(IndexError, match="index is 3"):
        cells[3]
    with pytest.raises(TypeError, match="cell 1 is of type int"):
        nn.CellList([layer, 1])
    assert names(cells) == ["2.weight", "1.weight"]
    with pytest.raises(NotImplementedError, match="CellList"):
        cells()
