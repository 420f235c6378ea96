"""The report: what a person reads, and the same as JSON."""

import re
import textwrap
from pathlib import Path

from fusedstep.operators import catalogue
from fusedstep.porting.findings import Judgement
from fusedstep.porting.reader import read, read_source
from fusedstep.porting.report import text
from fusedstep.porting.verdicts import judge

PROGRAM = """\
import mindspore as ms
from mindspore import nn
from mindspore.nn.optim import FTRL
from mindspore.ops import operations as P

net = nn.Dense(4, 1)
wide = FTRL(net.trainable_params(), l1=0.1)
deep = nn.Rprop(net.trainable_params())
"""


def judged(source: str) -> Judgement:
    return judge([read_source(textwrap.dedent(source), "program.py")])


def section(report: str, title: str) -> dict[str, str]:
    """The entries of a section, each on one line."""
    lines = report.partition(title)[2].partition("\n\n")[0].splitlines()[1:]
    found: dict[str, str] = {}
    for line in lines:
        if line.startswith(" " * 8):
            name = list(found)[-1]
            found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            found[line.strip()] = ""
    return found


def differences(source: str) -> dict[str, str]:
    return section(text(judged(source)), "Where MindSpore differs")


def test_each_line_says_what_becomes_of_a_name_or_why_not() -> None:
    report = text(judged(PROGRAM))
    lines = report.splitlines()
    assert lines[0] == "program.py"
    assert lines[1:4] == [
        "     3  FTRL      served      fusedstep.mindspore.nn.optim.FTRL",
        "     7  FTRL      served      fusedstep.mindspore.nn.optim.FTRL",
        "     8  nn.Rprop  not served",
    ]
    assert "no rule. Keep MindSpore's" in " ".join(lines[4].split() + lines[5].split())
    assert "Optimizer part: 2 served, 1 not served." in report
    assert "Stay MindSpore's: 1 other name in 1 place (nn.Dense)" in report


def test_reports_fit_the_terminal() -> None:
    names = [entry.name for entry in catalogue.ENTRIES]
    source = PROGRAM + "".join(f"P.{name}()\n" for name in names) + "ms.set_context(mode=0, device_target='Ascend')\n"
    for line in text(judged(source)).splitlines():
        # A path is not broken.
        assert len(line) <= 80 or re.fullmatch(r"( *\d+  \S.*)? +served +\S+", line), line


def test_the_two_ways_are_explained() -> None:
    beside = " ".join(text(judged(PROGRAM)).split())
    assert (
        "Beside MindSpore (PyNative mode, on the CPU): import only the optimizers from fusedstep.mindspore.nn" in beside
    )
    assert "Without MindSpore it does not run: it needs what stays MindSpore's." in beside
    alone = " ".join(text(judged("from mindspore import ops\nops.ApplyFtrl()")).split())
    assert "Without MindSpore: write fusedstep.mindspore for mindspore in all imports." in alone
    assert "Beside MindSpore (PyNative mode" in alone


def test_what_is_served_in_no_way_is_no_setting() -> None:
    report = " ".join(text(judged("from mindspore import nn\nnn.Rprop(w)\nnn.FTRL(w)")).split())
    assert "Beside MindSpore (PyNative mode" in report
    assert "does not run so" not in report


def test_what_is_missing_without_mindspore_is_told() -> None:
    report = text(judged("import mindspore as ms\nms.Tensor(1, none_such=2)\nms.ops.ApplyFtrl()"))
    assert re.search(
        r"Without MindSpore it does not run:\n +program.py:2: ms.Tensor. fusedstep's Tensor has no arg", report
    )


def test_what_optimizers_need_stands_once() -> None:
    report = text(judged("from mindspore import ops, Tensor\nops.ApplyFtrl()(Tensor(1), Tensor(2),\nTensor(3))\n"))
    assert re.search(r"^     1  Tensor +served +fusedstep.mindspore.Tensor\n        also in lines 2, 3$", report, re.M)
    assert report.count("fusedstep.mindspore.Tensor") == 1


def test_a_long_name_stands_on_a_line_of_its_own() -> None:
    report = text(judged("import mindspore\nmindspore.ops.operations.ApplyProximalGradientDescent()"))
    assert re.search(r"^     2  mindspore.ops.operations.ApplyProximalGradientDescent\n {30,}  served  ", report, re.M)


def test_differences_of_operators_are_those_of_the_catalogue() -> None:
    for entry in catalogue.ENTRIES:
        found = differences(f"from mindspore.ops.operations import nn_ops\nnn_ops.{entry.name}(**settings)")
        told = entry.differs.get("MindSpore", "")
        assert " ".join(told.split()).lower() in found.get(f"ops.{entry.name}", "").lower()
        assert (f"ops.{entry.name}" in found) or not told


def test_what_an_operator_returns_is_told_where_it_is_something_else() -> None:
    ftrl, adam = (
        "from mindspore import nn, ops\nops.ApplyFtrl()\n",
        "from mindspore import ops\nops.FusedSparseAdam()\n",
    )
    assert "returns a tuple of all states" not in differences(ftrl)["ops.ApplyFtrl"]
    assert "returns a tuple of all states" in differences(ftrl + "nn.Dense(1, 2)")["ops.ApplyFtrl"]
    assert "a tensor of one zero for each state" in differences(adam)["ops.FusedSparseAdam"]


def test_differences_of_optimizers_are_those_of_their_rules_or_docstrings() -> None:
    found = differences(
        "from mindspore import nn\nnn.FTRL(p)\nnn.LazyAdam(p)\nnn.Adam(p)\nnn.RMSProp(p)\n"
        "nn.Momentum(p, 0.1, 0.9, use_nesterov=True)\nnn.ProximalAdagrad(p)\n"
    )
    assert "ApplyFtrl: version 2.10 computes l1 - z" in found["nn.FTRL"]
    assert "FusedSparseLazyAdam: " in found["nn.LazyAdam"]
    assert "FusedSparseAdam: " in found["nn.Adam"]
    assert "FusedSparseAdam: " not in found["nn.LazyAdam"]
    assert "ApplyRMSProp: version 2.10 adds epsilon to the root" in found["nn.RMSProp"]
    assert "MindSpore's CPU kernel ignores it. program.py:6 sets use_nesterov." in found["nn.Momentum"]
    assert "MindSpore" in found["nn.ProximalAdagrad"]
    # What an operator returns does not reach the program.
    assert not re.search(r"\boutputs?\b|\breturns\b", " ".join(found.values()))


def test_an_optimizer_and_an_operator_of_one_name_are_both_told() -> None:
    found = differences("from mindspore import nn, ops\nnn.Adam(params)\nops.Adam()\n")
    assert "FusedSparseAdam: " in found["nn.Adam"]
    assert "uninitialised memory" in found["ops.Adam"]


def test_a_program_without_an_optimizer_part_says_so() -> None:
    for source in ("", "import mindspore.nn as nn\nnn.Dense(1, 2)"):
        report = text(judged(source))
        assert "nothing of the optimizer part" in report
        assert "No optimizer part: nothing has to change." in report
        assert "Beside MindSpore" not in report


def test_files_that_are_imported_and_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    main, model, plain = tmp_path / "train.py", tmp_path / "src" / "model.py", tmp_path / "src" / "plain.py"
    main.write_text("import os\nfrom src.model import Net\nfrom src import plain\nfrom src import step\n")
    model.write_text("from mindspore import nn\nfrom .step import other\nfrom . import plain\n")
    plain.write_text("import numpy\n")
    step = tmp_path / "src" / "step.py"
    step.write_text("from mindspore import ops\n")
    assert judge([read(main)]).unread == [str(model), str(step)]
    assert judge([read(model)]).unread == [str(step)]
    assert judge([read(main), read(model), read(step)]).unread == []
    assert f"Not read: {model}, {step}." in " ".join(text(judge([read(main)])).split())
