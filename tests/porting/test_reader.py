"""A program is read, never run: each MindSpore name is followed to where it is used."""

import sys
import textwrap
from pathlib import Path

import pytest

from fusedstep.porting.program import Use
from fusedstep.porting.reader import read, read_source


def uses(source: str) -> list[Use]:
    return read_source(textwrap.dedent(source)).uses


def called(source: str) -> set[str]:
    """The full names of what a program calls."""
    return {use.name for use in uses(source) if use.role == "call"}


FTRL = "mindspore.nn.FTRL"


@pytest.mark.parametrize(
    "source",
    [
        "import mindspore\nmindspore.nn.FTRL(w)",
        "import mindspore as ms\nms.nn.FTRL(w)",
        "import mindspore.nn\nmindspore.nn.FTRL(w)",
        "import mindspore.nn as layers\nlayers.FTRL(w)",
        "from mindspore import nn\nnn.FTRL(w)",
        "from mindspore import nn as layers, ops\nlayers.FTRL(w)",
        "from mindspore.nn import FTRL\nFTRL(w)",
        "from mindspore.nn import FTRL as Follow\nFollow(w)",
        "from mindspore.nn import *\nFTRL(w)",
        "from mindspore import *\nnn.FTRL(w)",
        "def run():\n    from mindspore import nn\n    return nn.FTRL(w)",
        "def run():\n    return nn.FTRL(w)\nfrom mindspore import nn",
        "from mindspore import nn\nopt = nn.FTRL\nopt(w)",
        "from mindspore import nn\nfirst = second = nn.FTRL\nsecond(w)",
        "from mindspore import nn\none, two = nn.Adam, nn.FTRL\ntwo(w)",
        "from mindspore import nn\n(made := nn.FTRL)\nmade(w)",
        "import mindspore as ms\nn = ms.nn\nf = n.FTRL\nf(w)",
        "from mindspore import nn\ngetattr(nn, 'FTRL')(w)\nf = getattr(nn, 'FTRL')\nf(w)",
        "from mindspore import nn\nNAME = 'FTRL'\nf = getattr(nn, NAME)\nf(w)",
        "import importlib\nnn = importlib.import_module('mindspore.nn')\nnn.FTRL(w)",
        "from importlib import import_module\nimport_module('mindspore.nn').FTRL(w)",
        "__import__('mindspore').nn.FTRL(w)",
        "from functools import partial\nfrom mindspore import nn\npartial(nn.FTRL, l1=1.0)(w)",
        "import functools\nfrom mindspore import nn\nmake = functools.partial(nn.FTRL)\nmake(w)",
        "from mindspore import nn\nkinds = {'f': nn.FTRL}\nmake = kinds['f']\nmake(w)",
        "from mindspore import nn\nkinds = {'f': nn.FTRL}\nmake = kinds.get('f')\nmake(w)",
        "from mindspore import nn\nfor make in (nn.FTRL, nn.Adam):\n    make(w)",
        "from mindspore import nn\n[make(w) for make in (nn.FTRL, nn.Adam)]",
        "from mindspore import nn\nmake = nn.FTRL if wide else nn.Adam\nmake(w)",
        "from mindspore import nn\nmake = given or nn.FTRL\nmake(w)",
        "try:\n    from mindspore import nn\nexcept ImportError:\n    nn = None\nnn.FTRL(w)",
        "from mindspore import nn\nif wide:\n    make = nn.FTRL\nelse:\n    make = nn.Adam\nmake(w)",
        "from mindspore import nn\nclass Net:\n    make = nn.FTRL\n    def run(self):\n        self.make(w)",
        "from mindspore import nn\nclass Net:\n    def run(self):\n        self.make(w)\n    def start(self):\n"
        "        self.make = nn.FTRL",
        "from mindspore import nn\nclass Base:\n    make = nn.FTRL\nclass Net(Base):\n    def run(self):\n"
        "        self.make(w)",
        "from mindspore import nn\ndef run(make=nn.FTRL):\n    make(w)",
        "from mindspore import nn\nrun = lambda: nn.FTRL(w)",
        "from mindspore import nn\ndef which():\n    return nn.FTRL\nwhich()(w)\nmake = which()\nmake(w)",
        "from mindspore import nn\ndef start():\n    global make\n    make = nn.FTRL\ndef run():\n    make(w)",
        "from mindspore import nn\nasync def run():\n    async with lock as it:\n        nn.FTRL(w)",
        "from mindspore import nn\nwith open(f) as it:\n    make = nn.FTRL\nmake(w)",
        "from mindspore import nn\nmatch kind:\n    case 'f':\n        nn.FTRL(w)",
        "from mindspore import nn\nprint(f'{nn.FTRL(w)}')",
        "from mindspore import nn\nnn.FTRL(w) if (x := 1) else 0",
    ],
)
def test_names_are_followed(source: str) -> None:
    assert FTRL in called(source)


@pytest.mark.parametrize(
    "source",
    [
        "import mindspore_gl as ms\nms.nn.FTRL(w)",
        "from .mindspore import nn\nnn.FTRL(w)",
        "from fusedstep.mindspore import nn\nnn.FTRL(w)",
        "from mindspore import nn\nimport torch.nn as nn\nnn.FTRL(w)",
        "from mindspore import nn\nnn = other\nnn.FTRL(w)",
        "from mindspore import nn\ndef run(nn):\n    nn.FTRL(w)",
        "from mindspore import nn\nrun = lambda nn: nn.FTRL(w)",
        "from mindspore import nn\n[nn.FTRL(w) for nn in others]",
        "from mindspore import nn\nfor nn in others:\n    pass\nclass Net:\n    nn = None",
        "def nn(): ...\nnn.FTRL(w)",
        "from elsewhere import *\nFTRL(w)",
        "nn.FTRL(w)",
    ],
)
def test_names_that_are_not_mindspores_are_not_noted(source: str) -> None:
    assert FTRL not in called(source)


def test_a_star_import_of_something_else_may_provide_other_names() -> None:
    both = "from mindspore.nn import *\nfrom elsewhere import *\n"
    assert called(f"{both}FTRL(w)\nRprop(w)\nhelper(w)") == {FTRL, "mindspore.nn.Rprop"}
    assert called("from mindspore.nn import *\nDense(1, 2)") == {"mindspore.nn.Dense"}


def test_a_use_says_where_and_how_it_is_written() -> None:
    (imported, use) = uses("""\
        from mindspore import nn as layers

        optimizer = net(layers.FTRL(weights))
        """)
    assert (imported.line, imported.text, imported.name, imported.role) == (1, "nn", "mindspore.nn", "import")
    assert (use.line, use.column, use.text, use.name, use.role) == (3, 17, "layers.FTRL", FTRL, "call")


def test_each_use_is_noted_once() -> None:
    found = uses("""\
        import mindspore as ms
        from functools import partial
        @ms.jit
        def run(x: ms.Tensor = ms.Tensor(1)) -> ms.Tensor:
            return ms.nn.FTRL(partial(ms.nn.Adam, 1), [ms.float32 for _ in ms.ops.range(3)])
        class Net(ms.nn.Cell):
            make = ms.nn.LARS
        """)
    names = [use.name.removeprefix("mindspore.") for use in found]
    expected = "mindspore jit Tensor Tensor Tensor nn.FTRL nn.Adam float32 ops.range nn.Cell nn.LARS"
    assert sorted(names) == sorted(expected.split())
    roles = {use.name: use.role for use in found}
    assert (roles["mindspore.jit"], roles["mindspore.nn.Cell"]) == ("decorator", "base")


def test_calls_of_what_was_constructed_are_noted() -> None:
    program = read_source(
        textwrap.dedent("""\
        from mindspore import nn, ops
        class Step(nn.Cell):
            def __init__(self):
                self.step = ops.ApplyFtrl()
            def construct(self, grads):
                return self.step(grads)
        optimizer = nn.Adam(weights)
        optimizer(grads)
        optimizer.target = "CPU"
        print(optimizer.parameters)
        """)
    )
    assert {(call.line, call.text, call.owner) for call in program.calls} == {
        (6, "self.step", "mindspore.ops.ApplyFtrl"),
        (8, "optimizer", "mindspore.nn.Adam"),
    }
    assert [(each.line, each.name, each.stored is None) for each in program.attributes] == [
        (9, "target", False),
        (10, "parameters", True),
    ]


def test_a_name_that_only_the_run_tells_is_noted() -> None:
    (found,) = read_source("from mindspore import nn\ngetattr(nn, kind)(weights)").dynamic
    assert (found.line, found.text, found.module) == (2, "getattr(nn, kind)", "mindspore.nn")


def test_nothing_is_run_and_mindspore_is_not_imported(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import mindspore\nopen({str(tmp_path / 'left')!r}, 'w')\nraise SystemExit\n")
    assert [use.name for use in read(program).uses] == ["mindspore"]
    assert not (tmp_path / "left").exists()
    assert "mindspore" not in sys.modules


def test_other_encodings_and_invalid_escapes_are_read(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_bytes(b"# -*- coding: latin-1 -*-\nname = '\xe9\\d'\nimport mindspore as ms\nms.nn.FTRL(w)\n")
    assert FTRL in {use.name for use in read(program).uses}
    program.write_bytes(b"\xef\xbb\xbfimport mindspore as ms\r\nms.nn.FTRL(w)\r\n")
    assert [use.line for use in read(program).uses] == [1, 2]
