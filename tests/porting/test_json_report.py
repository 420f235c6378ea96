"""The report as JSON, which says what the text says."""

import json

from fusedstep.porting.json_report import as_json
from fusedstep.porting.reader import read_source
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


def test_json_says_the_same() -> None:
    judgement = judge([read_source(PROGRAM, "program.py")])
    found = json.loads(as_json(judgement))
    assert found["files"] == ["program.py"]
    assert (found["served"], found["way"], found["ways"]) == (False, "beside", [])
    first, _, last = found["lines"]
    assert first == {
        "file": "program.py",
        "line": 3,
        "column": 32,
        "text": "FTRL",
        "name": "mindspore.nn.optim.FTRL",
        "kind": "optimizer",
        "verdict": "served",
        "becomes": "fusedstep.mindspore.nn.optim.FTRL",
        "reason": None,
        "remedy": None,
    }
    assert (last["verdict"], last["becomes"]) == ("not served", None)
    assert last["reason"].endswith(".")
    assert found["stays_mindspore"] == {"nn.Dense": 1}
    assert "ApplyFtrl" in found["differences"]["nn.FTRL"]
