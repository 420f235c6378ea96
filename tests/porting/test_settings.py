"""Settings beside MindSpore: modes, devices, processes, and compiled steps."""

import textwrap

import pytest

from fusedstep.porting.findings import Kind, Verdict
from fusedstep.porting.reader import read_source
from fusedstep.porting.report import text
from fusedstep.porting.verdicts import judge

# A program that is not one without MindSpore, with an optimizer.
HEAD = """\
import mindspore as ms
from mindspore import nn, ops, context, jit
from mindspore.common.api import ms_function
net = nn.Dense(1, 2)
optimizer = nn.FTRL(net.trainable_params())
"""


def told(source: str) -> list[tuple[str, str, Verdict]]:
    """What is said of settings: what is written, the reason, the verdict."""
    judgement = judge([read_source(HEAD + textwrap.dedent(source))])
    rows = [each for each in judgement.rows if each.kind is Kind.SETTING]
    assert all(each.remedy for each in rows)
    assert judgement.is_complete is not any(each.verdict is Verdict.NOT_SERVED for each in rows)
    return [(each.text, each.reason, each.verdict) for each in rows]


REFUSED, CHECK, SERVED = Verdict.NOT_SERVED, Verdict.CHECK, Verdict.SERVED


@pytest.mark.parametrize(
    ("written", "reason", "verdict"),
    [
        ("ms.set_context(mode=ms.GRAPH_MODE)", "GRAPH_MODE", REFUSED),
        ("context.set_context(mode=context.GRAPH_MODE)", "GRAPH_MODE", REFUSED),
        ("context.set_context(mode=0)", "GRAPH_MODE", REFUSED),
        ("MODE = ms.GRAPH_MODE\nms.set_context(mode=MODE)", "GRAPH_MODE", REFUSED),
        ("ms.set_context(mode=ms.GRAPH_MODE if fast else ms.PYNATIVE_MODE)", "GRAPH_MODE", REFUSED),
        ("ms.set_context(mode=options.mode)", "mode is known only", CHECK),
        ("ms.set_context(device_target='Ascend')", "target is Ascend", REFUSED),
        ("ms.set_context(device_target='GPU')", "target is GPU", REFUSED),
        ("ms.set_device('Ascend', 0)", "target is Ascend", REFUSED),
        ("ms.set_device(device_target='GPU')", "target is GPU", REFUSED),
        ("DEVICE = 'GPU'\ncontext.set_context(device_target=DEVICE)", "target is GPU", REFUSED),
        ("ms.set_context(device_target=options.device)", "target is known only", CHECK),
        ("ms.set_device(options.device)", "target is known only", CHECK),
        ("ms.set_auto_parallel_context(enable_parallel_optimizer=True)", "parallel optimizer", REFUSED),
        ("context.set_auto_parallel_context(parallel_mode='semi_auto_parallel')", "parallel mode", REFUSED),
        (
            "context.set_auto_parallel_context(parallel_mode=context.ParallelMode.AUTO_PARALLEL)",
            "parallel mode",
            REFUSED,
        ),
        ("ms.set_auto_parallel_context(parallel_mode=ms.ParallelMode.DATA_PARALLEL)", "is data_parallel", REFUSED),
        ("context.set_auto_parallel_context(parallel_mode='data_parallel')", "is data_parallel", REFUSED),
        ("ms.set_auto_parallel_context(parallel_mode=options.mode)", "mode is known only", CHECK),
        ("ms.set_context(mode=options.mode if given else ms.PYNATIVE_MODE)", "mode is known only", CHECK),
        ("def setup(mode=ms.PYNATIVE_MODE):\n    ms.set_context(mode=mode)", "mode is known only", CHECK),
        ("def setup(device='CPU'):\n    ms.set_device(device)", "target is known only", CHECK),
        ("run(mode=ms.GRAPH_MODE)", "GRAPH_MODE", CHECK),
        ("mark([context.GRAPH_MODE, context.PYNATIVE_MODE])", "GRAPH_MODE", CHECK),
        ("optimizer.target = 'Ascend'", "target is Ascend", REFUSED),
    ],
)
def test_what_runs_the_step_elsewhere_is_told(written: str, reason: str, verdict: Verdict) -> None:
    ((_, why, found),) = told(written)
    assert reason in why
    assert found is verdict


@pytest.mark.parametrize(
    "written",
    [
        "ms.set_context(mode=ms.PYNATIVE_MODE, device_target='CPU')",
        "ms.set_context(mode=1)",
        "ms.set_device('CPU')",
        "ms.set_context(max_device_memory='2GB')",
        "ms.set_context(**settings)",
        "ms.set_auto_parallel_context(parallel_mode=ms.ParallelMode.STAND_ALONE, gradients_mean=True)",
        "ms.set_auto_parallel_context(gradients_mean=True)",
        "run(mode=ms.PYNATIVE_MODE)",
        "ms.set_auto_parallel_context(enable_parallel_optimizer=False)",
        "optimizer.target = 'CPU'",
    ],
)
def test_other_settings_are_no_matter(written: str) -> None:
    assert told(written) == []


@pytest.mark.parametrize(
    ("source", "lines", "beside"),
    [
        ("def run(mode):\n    ms.set_context(mode=mode)\nrun(ms.GRAPH_MODE)", [4, 5], True),
        ("def run(mode):\n    ms.set_context(mode=mode)\nrun(0)", [4], True),
        ("ms.set_context(mode=ms.GRAPH_MODE)", [3], False),
        ("ms.set_device('Ascend')", [3], False),
        ("ms.set_context(mode=ms.PYNATIVE_MODE)", [], True),
    ],
)
def test_a_file_without_layers_is_told_what_counts_beside_mindspore(
    source: str, lines: list[int], beside: bool
) -> None:
    judgement = judge([read_source(f"import mindspore as ms\nms.nn.FTRL(params)\n{source}", "program.py")])
    settings = [each for each in judgement.rows if each.kind is Kind.SETTING]
    assert [(each.line, each.verdict) for each in settings] == [(line, CHECK) for line in lines]
    assert "GRAPH_MODE" not in [each.text.rpartition(".")[2] for each in judgement.rows if each.verdict is SERVED]
    assert judgement.is_complete
    report = " ".join(text(judgement).split())
    assert ("Beside MindSpore (PyNative mode, on the CPU): import only" in report) is beside
    assert ("Beside MindSpore it does not run so: see program.py:3." in report) is not beside
    assert ("Check program.py:4" in report) is (beside and bool(lines))


@pytest.mark.parametrize("mode", ["DATA_PARALLEL", "SEMI_AUTO_PARALLEL", "AUTO_PARALLEL", "HYBRID_PARALLEL"])
def test_several_processes_are_served_in_no_way(mode: str) -> None:
    source = f"ms.nn.FTRL(params)\nms.set_auto_parallel_context(parallel_mode=ms.ParallelMode.{mode})"
    assert judge([read_source(f"import mindspore as ms\n{source}")]).ways == []


def test_two_settings_of_one_call_are_both_told() -> None:
    assert len(told("ms.set_context(mode=ms.GRAPH_MODE, device_target='Ascend')")) == 2


@pytest.mark.parametrize(
    "source",
    [
        "@jit\ndef step(grads):\n    optimizer(grads)",
        "@ms.jit\ndef step(grads):\n    return optimizer(grads)",
        "@ms.jit(jit_level='O1')\ndef step(grads):\n    optimizer(grads)",
        "@ms_function\ndef step(grads):\n    optimizer(grads)",
        "def step(grads):\n    optimizer(grads)\nstep = ms.jit(step)",
        "def step(grads):\n    optimizer(grads)\nstep = jit(step, jit_level='O1')",
        "def step(grads):\n    optimizer(grads)\n@jit\ndef run(grads):\n    step(grads)",
        "@jit\ndef run(grads):\n    step(grads)\ndef step(grads):\n    optimizer(grads)",
        "def train(optimizer):\n    @jit\n    def step(grads):\n        optimizer(grads)",
        "@jit\ndef step(optim, grads):\n    optim(grads)",
        "def train(it: nn.Optimizer):\n    @jit\n    def step(grads):\n        it(grads)",
        "class Step(nn.Cell):\n    def __init__(self):\n        self.it = nn.Adam(params)\n"
        "    @jit\n    def construct(self, grads):\n        return self.it(grads)",
        "class Step(nn.Cell):\n    def __init__(self, optimizer):\n        self.optimizer = optimizer\n"
        "    @jit\n    def construct(self, grads):\n        return self.optimizer(grads)",
        "class Step(nn.Cell):\n    def __init__(self):\n        self.it = ops.ApplyFtrl()\n"
        "    def construct(self, grads):\n        return self.it(grads)\nstep = Step()\n@jit\ndef run(g):\n    step(g)",
        "class Step(nn.Cell):\n    def construct(self, grads):\n        return optimizer(grads)\nstep = ms.jit(Step())",
        "def make():\n    return nn.Adam(params)\nit = make()\n@jit\ndef run(g):\n    it(g)",
        "@jit\ndef run(g):\n    def inner():\n        optimizer(g)\n    inner()",
        "def step(grads):\n    optimizer(grads)\nstep = ms.jit(jit_level='O1', fn=step)",
        "step = ms.jit(lambda grads: optimizer(grads))",
        "train = nn.TrainOneStepCell(net, optimizer)\n@jit\ndef run(x):\n    return train(x)",
        "@ms.jit_class\nclass Step:\n    def construct(self, grads):\n        optimizer(grads)",
    ],
)
def test_a_compiled_step_is_told(source: str) -> None:
    ((text, reason, verdict),) = told(source)
    assert text in ("jit", "ms.jit", "ms.jit_class", "ms_function")
    assert "compiles a function that calls an optimizer" in reason
    assert verdict is REFUSED


@pytest.mark.parametrize(
    "source",
    [
        "@jit\ndef forward(x):\n    return net(x)\ndef step(grads):\n    optimizer(grads)",
        "@jit\ndef forward(options):\n    return options(1)",
        "forward = jit(net)",
        "forward = jit(lambda x: net(x))",
        "gradients = ms.jit(ms.value_and_grad(net, None, net.trainable_params()))\noptimizer(gradients(x)[1])",
        "@jit\ndef loop(x):\n    return loop(x)",
    ],
)
def test_a_compiled_forward_pass_is_no_matter(source: str) -> None:
    assert told(source) == []
