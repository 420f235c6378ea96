"""What is said of a program: which of its optimizer part is served, and in which way it runs."""

import inspect
import textwrap

import pytest

from fusedstep import mindspore
from fusedstep.operators import catalogue
from fusedstep.porting.findings import Finding, Judgement, Kind, Verdict, Way
from fusedstep.porting.reader import read_source
from fusedstep.porting.verdicts import judge

HEAD = "import mindspore as ms\nfrom mindspore import nn, ops, context\n"
# With this a program is not one without MindSpore.
LAYER = "net = nn.Dense(2, 3)\n"


def judged(source: str, head: str = HEAD) -> Judgement:
    return judge([read_source(head + textwrap.dedent(source), "program.py")])


def refusals(judgement: Judgement) -> list[Finding]:
    return [each for each in judgement.rows if each.verdict is not Verdict.SERVED]


def rows_of(judgement: Judgement) -> list[tuple[int, str, str]]:
    return [(each.line, each.text, judgement.becomes(each)) for each in judgement.rows]


@pytest.mark.parametrize("name", sorted(catalogue.OPERATORS))
def test_every_operator_is_served_where_the_face_has_it(name: str) -> None:
    alone = judged(f"ops.operations.nn_ops.{name}(**settings)\n")
    assert rows_of(alone) == [(3, f"ops.operations.nn_ops.{name}", f"fusedstep.mindspore.ops.operations.nn_ops.{name}")]
    assert (alone.is_complete, alone.way) == (True, Way.ALONE)
    beside = judged(f"{LAYER}ops.operations.nn_ops.{name}(**settings)\n")
    assert rows_of(beside) == [(4, f"ops.operations.nn_ops.{name}", f"fusedstep.ops.{name}")]
    assert (beside.is_complete, beside.way) == (True, Way.BESIDE)


OPTIMIZERS = mindspore.nn.optim.__all__


@pytest.mark.parametrize("name", sorted({*OPTIMIZERS} - {"Optimizer"}))
def test_every_optimizer_is_served_where_the_face_has_it(name: str) -> None:
    judgement = judged(f"{LAYER}nn.{name}(params, **settings)\n")
    assert rows_of(judgement) == [(4, f"nn.{name}", f"fusedstep.mindspore.nn.{name}")]
    assert judgement.is_complete
    (row,) = judgement.rows
    assert row.kind is Kind.OPTIMIZER


def test_what_is_served_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from fusedstep.porting import lookup

    source = "from mindspore.nn import Rprop, FTRL\n"
    assert [each.text for each in refusals(judged(source))] == ["Rprop"]
    lookup.find.cache_clear()
    monkeypatch.setattr(mindspore.nn, "Rprop", mindspore.nn.FTRL, raising=False)
    monkeypatch.delattr(mindspore.nn, "FTRL")
    found = judged(source)
    lookup.find.cache_clear()
    assert [each.text for each in found.rows] == ["Rprop"]
    assert found.rows[0].verdict is Verdict.SERVED


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("mindspore.nn.optim.FTRL", "fusedstep.mindspore.nn.optim.FTRL"),
        ("mindspore.nn.optim.ftrl.FTRL", "fusedstep.mindspore.nn.optim.ftrl.FTRL"),
        ("mindspore.nn.optim.elsewhere.FTRL", "fusedstep.mindspore.nn.FTRL"),
        ("mindspore.ops.operations.elsewhere.Adam", "fusedstep.mindspore.ops.Adam"),
        ("mindspore.ops.operations._inner_ops.Lamb", "fusedstep.mindspore.ops.operations._inner_ops.Lamb"),
        ("mindspore.nn.dynamic_lr.warmup_lr", "fusedstep.mindspore.nn.dynamic_lr.warmup_lr"),
        ("mindspore.nn.learning_rate_schedule.WarmUpLR", "fusedstep.mindspore.nn.learning_rate_schedule.WarmUpLR"),
        ("mindspore.nn.CosineDecayLR", "fusedstep.mindspore.nn.CosineDecayLR"),
    ],
)
def test_a_name_is_found_wherever_mindspore_defines_it(written: str, becomes: str) -> None:
    module, _, name = written.rpartition(".")
    judgement = judged("", f"from {module} import {name}\n")
    assert rows_of(judgement) == [(1, name, becomes)]
    assert judgement.is_complete


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("nn.ASGD(params)", "no rule"),
        ("nn.optim.asgd.ASGD(params)", "no rule"),
        ("nn.Rprop(params)", "no rule"),
        ("nn.thor(net, 0.1, 0.1, 0.9)", "second order"),
        ("nn.optim.thor.ThorGpu(net)", "second order"),
        ("nn.AdaSumByGradWrapCell(optimizer)", "several processes"),
        ("nn.optim.AdaSumByDeltaWeightWrapCell(optimizer)", "several processes"),
        ("ms.boost.adasum.AdaSum(1)", "several processes"),
        ("nn.OptTFTWrapper(optimizer)", "failover"),
        ("ops.operations._inner_ops.ApplyCamePart1()", "CAME"),
        ("ops.auto_generate.ApplyCamePart4()", "CAME"),
        ("ops.auto_generate.apply_came_part2_op(x)", "CAME"),
        ("ms.experimental.optim.AdamW(params)", "torch.optim"),
        ("ms.experimental.optim.lr_scheduler.StepLR(optimizer, 2)", "torch.optim"),
        ("ms.mint.optim.SGD(params)", "torch.optim"),
        ("ms.boost.OptimizerProcess(optimizer)", "MindSpore's own optimizers"),
        ("nn.optim.adam._run_opt_with_sparse(x)", "inside MindSpore's own optimizers"),
        ("ms.experimental.MapParameter()", "hash table"),
        ("nn.dynamic_lr.other_lr(1)", "no schedule"),
        ("ops.SparseApplyOther()", "'fusedstep ops' lists"),
        ("ops.operations.nn_ops.FusedSparseOther()", "'fusedstep ops' lists"),
    ],
)
def test_what_is_not_served_has_a_reason_and_a_remedy(written: str, reason: str) -> None:
    judgement = judged(written)
    (refusal,) = refusals(judgement)
    assert reason in refusal.reason
    assert refusal.remedy
    assert refusal.verdict is Verdict.NOT_SERVED
    assert not judgement.is_complete


@pytest.mark.parametrize(
    "written",
    [
        "nn.Dense(1, 2)",
        "nn.SoftmaxCrossEntropyWithLogits()",
        "nn.TrainOneStepCell(net, optimizer)",
        "nn.Conv2dThor(1, 2, 3)",
        "nn.ClipByNorm()",
        "nn.DistributedGradReducer(params)",
        "ops.MatMul()",
        "ops.ApplyRotaryPosEmb()",
        "ms.Model(net)",
        "ms.value_and_grad(f)",
        "ms.dataset.MnistDataset(d)",
        "ms.amp.auto_mixed_precision(net)",
    ],
)
def test_other_features_stay_mindspores(written: str) -> None:
    judgement = judged(f"{written}\nnn.FTRL(params)")
    assert [each.text for each in judgement.rows] == ["nn.FTRL"]
    assert judgement.staying == [written.partition("(")[0].removeprefix("ms.")]
    assert (judgement.way, judgement.ways, judgement.is_complete) == (Way.BESIDE, [Way.BESIDE], True)


def test_schedules_stay_mindspores_beside_it() -> None:
    source = "nn.FTRL(params, learning_rate=nn.CosineDecayLR(0.0, 0.1, 9))\n"
    for head, module in ((HEAD, "fusedstep.mindspore"), (HEAD + LAYER, "mindspore")):
        judgement = judged(source, head)
        assert [judgement.becomes(each) for each in judgement.rows] == [
            "fusedstep.mindspore.nn.FTRL",
            f"{module}.nn.CosineDecayLR",
        ]
        assert judgement.is_complete


def test_what_optimizers_need_is_told_only_where_it_changes() -> None:
    needed = "var = ms.Parameter(ms.Tensor([1.0], ms.float32), name='var')\nnn.FTRL([var])\n"
    alone = judged(needed)
    assert [each.text for each in alone.rows] == ["ms.Parameter", "ms.Tensor", "ms.float32", "nn.FTRL"]
    assert alone.ways == [Way.ALONE, Way.BESIDE]
    assert not alone.staying
    beside = judged(needed + LAYER)
    assert [each.text for each in beside.rows] == ["nn.FTRL"]
    assert sorted(beside.staying) == ["Parameter", "Tensor", "float32", "nn.Dense"]


def test_a_program_without_an_optimizer_part_is_served() -> None:
    for source in (LAYER, "", "ms.set_context(mode=ms.GRAPH_MODE)\n", "ms.Tensor(1)"):
        judgement = judged(source)
        assert judgement.is_complete
        assert not judgement.has_optimizer_part
        assert not judgement.rows


def test_files_are_judged_as_one_program() -> None:
    layer, step = read_source(HEAD + LAYER, "layer.py"), read_source(HEAD + "ops.ApplyFtrl()", "step.py")
    mode = read_source(HEAD + "ms.set_context(mode=ms.GRAPH_MODE)", "mode.py")
    assert judge([step]).way is Way.ALONE
    assert judge([layer, step]).way is Way.BESIDE
    judgement = judge([layer, mode, step])
    assert [(each.file, each.line) for each in refusals(judgement)] == [("mode.py", 3)]
    assert not judgement.is_complete
    # Without MindSpore the mode has no effect: it is told, and decides nothing.
    alone = judge([mode, step])
    assert alone.is_complete
    assert next((each.file, each.verdict) for each in alone.rows) == ("mode.py", Verdict.CHECK)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("nn.FTRL(params, l1=0.1, l3=0.2)", "fusedstep's FTRL has no argument l3; it has params, "),
        (
            "nn.Adam(params, use_lazy=True, use_eager=True)",
            "fusedstep's Adam has no argument use_eager; it has params, ",
        ),
        ("import functools\nfunctools.partial(nn.FTRL, l3=0.2)", "has no argument l3"),
        ("make = nn.FTRL\nmake(params, l3=0.2)", "has no argument l3"),
        ("ops.ApplyFtrl(use_lock=True)", "fusedstep's ApplyFtrl has no argument use_lock; it has use_locking"),
        ("ops.ApplyFtrl(False, 1, 2, 3, 4)", "fusedstep's ApplyFtrl takes 1 positional arguments, not 5"),
        ("step = ops.ApplyFtrl()\nstep(1, 2, 3, 4, 5, 6, 7, 8, 9)", "step takes 8 positional arguments, not 9"),
        ("ops.ApplyFtrl()(1, 2, 3, 4, 5, 6, 7, 8, 9)", "ops.ApplyFtrl() takes 8 positional arguments, not 9"),
        ("step = ops.ApplyFtrl()\nstep(var, beta=1)", "step has no argument beta; it has var, accum, linear, grad, lr"),
        ("nn.FTRL.apply(params)", "fusedstep's FTRL has no apply"),
        ("nn.Momentum(params, 0.1)", "fusedstep's Momentum needs momentum."),
        ("nn.Momentum(momentum=0.9)", "fusedstep's Momentum needs params and learning_rate."),
        ("nn.FTRL()", "fusedstep's FTRL needs params."),
        ("nn.CosineDecayLR(0.1, 0.2)", "needs decay_steps."),
        ("ops.ApplyFtrl()(var, accum)", "needs linear and grad and lr"),
        (
            "nn.Adam([{'params': weights, 'learning_rate': 0.1}])",
            "a parameter group has no learning_rate; it has params, ",
        ),
        ("groups = [{'params': a}, {'params': b, 'decay': 0.1}]\nnn.Adam(params=groups)", "group has no decay"),
        ("nn.FTRL(({'lr': 0.1},))", "a parameter group needs params"),
        ("nn.Adam([dict(params=weights, learning_rate=0.1)])", "group has no learning_rate"),
        ("nn.Adam([{'params': each, 'decay': 0.1} for each in weights])", "group has no decay"),
        ("groups = []\ngroups.append({'params': a, 'decay': 0.1})\nnn.Adam(groups)", "group has no decay"),
        ("def groups():\n    return [{'params': a, 'decay': 0.1}]\nnn.Adam(groups())", "group has no decay"),
    ],
)
def test_arguments_that_are_missing_here_are_told(written: str, reason: str) -> None:
    for head in (HEAD, HEAD + LAYER):
        judgement = judged(written, head)
        (refusal,) = refusals(judgement)
        assert reason in refusal.reason
        assert not judgement.is_complete


@pytest.mark.parametrize(
    "written",
    [
        "nn.FTRL(*args, **kwargs)",
        "nn.Adam(params, use_lazy=True)",
        "nn.Adam(params, use_offload=True)",
        "ops.ApplyFtrl(*[True])",
        "nn.Momentum(*arguments)",
        "nn.Momentum(params, **settings)",
        "nn.Momentum(params, 0.1, momentum=0.9)",
        "import functools\nfunctools.partial(nn.Momentum, momentum=0.9)(params, 0.1)",
        "nn.Adam([{'params': weights, 'lr': 0.1, 'weight_decay': 0.0, 'grad_centralization': True}])",
        "nn.Adam([{'params': weights}, {'order_params': weights}])",
        "nn.Adam([{'params': weights, name: 0.1}, {**group}])",
        "nn.Adam([dict(params=weights, lr=0.1), dict(**group)])",
        "nn.Adam([each for each in weights])",
        "nn.Adam(make({'learning_rate': 0.1}))",
        "class Mine(nn.Momentum):\n    def get_lr(self): ...\n    def construct(self, gradients): ...\n"
        "    def decay_weight(self, gradients): ...\n    def scale_grad(self, gradients): ...\n"
        "    def gradients_centralization(self, gradients): ...",
        "step = ops.FusedSparseAdam(use_locking=True)\nstep(var, *states, 0.9, 0.999)",
        "step = ops.ApplyFtrl()\nstep(1, 2, 3, 4, 5, 6, 7, 8)",
        "it = nn.FTRL(params)\nit(grads)\nit.parameters\nit.get_lr()\nit.global_step",
        "optimizer = nn.Adam(params)\noptimizer.target = 'CPU'\noptimizer.moment1",
    ],
)
def test_good_calls_are_served(written: str) -> None:
    judgement = judged(written)
    assert judgement.rows
    assert not refusals(judgement)
    assert judgement.way is Way.ALONE


def test_defaults_of_every_optimizer_are_served_by_name() -> None:
    for name in {*OPTIMIZERS} - {"Optimizer"}:
        signature = inspect.signature(getattr(mindspore.nn, name))
        given = [each.name for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        assert judged(f"nn.{name}({', '.join(f'{each}={each}' for each in given)})").is_complete


def test_what_the_face_lacks_of_a_tensor_leaves_it_mindspores() -> None:
    judgement = judged("ms.Tensor.no_such_method\nms.Tensor(1, no_such=2)\nnn.FTRL(params)")
    assert [each.text for each in judgement.rows] == ["nn.FTRL"]
    assert [each.line for each in judgement.hindrances] == [3, 4]
    assert (judgement.ways, judgement.is_complete) == ([Way.BESIDE], True)


def test_an_attribute_that_optimizers_here_lack_leaves_the_program_beside_mindspore() -> None:
    judgement = judged("optimizer = nn.FTRL(params)\noptimizer.no_such_attribute\n")
    assert [each.reason for each in judgement.hindrances] == ["fusedstep's FTRL has no no_such_attribute."]
    assert judgement.ways == [Way.BESIDE]
    assert judgement.staying == []


@pytest.mark.parametrize("module", ["nn", "ops", "nn.optim", "ops.operations", "ms.experimental.optim"])
def test_a_name_that_only_the_run_tells_is_unknown(module: str) -> None:
    judgement = judged(f"getattr({module}, kind)(params)")
    (refusal,) = [each for each in refusals(judgement) if each.verdict is Verdict.UNKNOWN]
    assert refusal.text == f"getattr({module}, kind)"
    assert not judgement.is_complete


@pytest.mark.parametrize(
    "source",
    [
        "import_module('mindspore.nn')",
        "import_module(MODULES[which])",
        "import_module({'ms': 'mindspore.nn', 'fs': 'fusedstep.mindspore.nn'}[which])",
        "import_module(MODULES.get(which))",
        "import_module(f'mindspore.{part}')",
        "import_module('mindspore.' + part)",
    ],
)
@pytest.mark.parametrize("name", ["kind", "kind if given else 'Momentum'", "kind or 'FTRL'", "NAMES[0]", "f'{kind}'"])
def test_a_name_in_a_module_that_is_imported_by_a_call_is_unknown(source: str, name: str) -> None:
    head = (
        "from importlib import import_module\nMODULES = {'ms': 'mindspore.nn', 'fs': 'fusedstep.mindspore.nn'}\n"
        "NAMES = [kind, 'other']\n"
    )
    judgement = judged(f"O = {source}\ngetattr(O, {name})(params)", head)
    assert judgement.has_optimizer_part
    assert not judgement.is_complete
    assert Verdict.UNKNOWN in {each.verdict for each in judgement.rows}


@pytest.mark.parametrize(
    "source",
    [
        "def make(name='FTRL'):\n    return getattr(nn, name)(params)",
        "if given:\n    name = 'FTRL'\nelse:\n    name = kind\ngetattr(nn, name)(params)",
        "vars(nn)[kind](params)",
        "nn.__dict__[kind](params)",
    ],
)
def test_a_name_that_is_one_of_several_is_unknown(source: str) -> None:
    assert Verdict.UNKNOWN in {each.verdict for each in judged(source).rows}


def test_names_out_of_a_container_are_followed() -> None:
    source = "for name in ('FTRL', 'Rprop', 'other'):\n    getattr(nn, name)(params)"
    assert sorted(each.name for each in judged(source).rows) == ["mindspore.nn.FTRL", "mindspore.nn.Rprop"]
    assert [each.name for each in judged("vars(nn)['FTRL'](params)").rows] == ["mindspore.nn.FTRL"]


def test_modules_of_other_packages_are_no_matter() -> None:
    assert judged("import importlib\ngetattr(importlib.import_module(name), kind)()\nnn.FTRL(params)").is_complete


def test_attributes_of_python_are_no_names_of_mindspores() -> None:
    judgement = judged("nn.__name__\nnn.FTRL.__name__.lower()\nnn.FTRL(params).__class__\nnn.FTRL.__init__(params)")
    assert [(each.line, each.text, each.verdict) for each in judgement.rows] == [
        (4, "nn.FTRL", Verdict.SERVED),
        (5, "nn.FTRL", Verdict.SERVED),
        (6, "nn.FTRL", Verdict.SERVED),
    ]


def test_a_name_of_a_module_without_optimizers_is_no_matter() -> None:
    assert judged("getattr(ms, kind)\ngetattr(ms.common.dtype, kind)\nnn.FTRL(params)").is_complete


def test_optimizers_of_ones_own_stay_mindspores() -> None:
    source = """\
class Mine(nn.Optimizer):
    def __init__(self, params):
        super().__init__(0.1, params)
        self.step = ops.ApplyMomentum()
    def construct(self, gradients):
        return self.step(self.var, self.moment, 0.1, gradients, 0.9)
"""
    judgement = judged(source + "\nnn.Dense(1, 2)\n")
    assert [judgement.becomes(each) for each in judgement.rows] == ["fusedstep.ops.ApplyMomentum"]
    assert "nn.Optimizer" in judgement.staying
    assert judgement.is_complete
    assert judged(source).way is Way.ALONE
