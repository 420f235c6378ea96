"""Optimizers that defer the rows of embeddings compute what dense optimizers do."""

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fusedstep as fs
from fusedstep import rules

ROWS, WIDTH = 31, 3

# Each with the optimizer that it is compared with, on dense gradients.
DENSE = {
    "Adam": (fs.torch.Adam, torch.optim.Adam, {}),
    "Adam_weight_decay": (fs.torch.Adam, torch.optim.Adam, {"weight_decay": 0.01, "amsgrad": True}),
    "Adam_maximize": (fs.torch.Adam, torch.optim.Adam, {"maximize": True, "betas": (0.5, 0.75)}),
    "AdamW": (fs.torch.AdamW, torch.optim.AdamW, {}),
    "SparseAdam": (fs.torch.SparseAdam, fs.torch.SparseAdam, {}),
    "SGD": (fs.torch.SGD, torch.optim.SGD, {}),
    "SGD_momentum": (fs.torch.SGD, torch.optim.SGD, {"momentum": 0.9, "dampening": 0.5}),
    "SGD_nesterov": (fs.torch.SGD, torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "ProximalSGD": (fs.torch.ProximalSGD, fs.torch.ProximalSGD, {"l1": 0.01, "l2": 0.1}),
    "ProximalAdagrad": (fs.torch.ProximalAdagrad, fs.torch.ProximalAdagrad, {"l1": 0.01, "l2": 0.1}),
    "FTRL": (fs.torch.FTRL, fs.torch.FTRL, {"lr": 0.1, "l1": 0.01, "l2": 0.1}),
    "RuleOptimizer": (
        lambda params, **named: fs.torch.RuleOptimizer(params, rules.lion, **named),
        lambda params, **named: fs.torch.RuleOptimizer(params, rules.lion, **named),
        {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1},
    ),
}


class Pair:
    """An embedding whose rows are deferred, and one with dense steps."""

    def __init__(self, case="Adam", dtype=torch.float64, module=nn.Embedding, **named):
        deferring, dense, settings = DENSE[case]
        torch.manual_seed(0)
        self.deferred = module(ROWS, WIDTH, sparse=True, dtype=dtype, **named)
        self.dense = module(ROWS, WIDTH, dtype=dtype, **named)
        self.dense.load_state_dict(self.deferred.state_dict())
        self.optimizer = deferring(self.deferred.parameters(), **settings, defer=[self.deferred])
        self.reference = dense(self.dense.parameters(), **settings)
        self.steps = 0

    def step(self, count=1):
        for _ in range(count):
            rows = torch.randint(0, ROWS // 2, (5,))
            for module, optimizer in ((self.deferred, self.optimizer), (self.dense, self.reference)):
                optimizer.zero_grad()
                (module(rows) * torch.linspace(-1, 1, WIDTH, dtype=module.weight.dtype)).square().sum().backward()
                for group in optimizer.param_groups:
                    group["lr"] = 0.1 / (1 + self.steps / 10)
                optimizer.step()
            self.steps += 1

    def owing(self):
        """Whether a row owes a step."""
        return not torch.allclose(self.deferred.weight, self.dense.weight, rtol=0, atol=1e-6)

    def equal(self, weight=None):
        weight = self.deferred.weight if weight is None else weight
        torch.testing.assert_close(weight.detach(), self.dense.weight.detach(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("case", DENSE)
def test_what_a_lookup_sees_is_what_the_dense_optimizer_computes(case):
    pair = Pair(case)
    for _ in range(20):
        pair.step(2)
        rows = torch.randint(0, ROWS, (7,))
        torch.testing.assert_close(pair.deferred(rows), pair.dense(rows), rtol=0, atol=1e-11)
    pair.optimizer.flush()
    pair.equal()
    keys = pair.optimizer._state_keys
    states, expected = pair.optimizer.state[pair.deferred.weight], pair.reference.state[pair.dense.weight]
    for key in keys:
        if expected.get(key) is not None:
            torch.testing.assert_close(states[key], expected[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", ["Adam", "AdamW", "SGD_momentum"])
def test_cycled_betas_wake_nobody(case):
    pair = Pair(case)
    cycles = [
        torch.optim.lr_scheduler.OneCycleLR(each, 0.1, total_steps=60, base_momentum=0.5)
        for each in (pair.optimizer, pair.reference)
    ]
    for step in range(50):
        pair.step()
        for cycle in cycles:
            cycle.step()
        assert step < 5 or pair.owing()
    pair.optimizer.flush()
    pair.equal()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_types_follow_float64(dtype):
    pair = Pair(dtype=dtype)
    pair.step(30)
    pair.optimizer.flush()
    bound = 2e-5 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(pair.deferred.weight, pair.dense.weight, rtol=bound, atol=bound)


def test_rows_owe_steps_until_they_are_looked_up():
    pair = Pair()
    pair.step(5)
    assert pair.owing()
    pair.deferred(torch.arange(ROWS))
    pair.equal()


def test_the_first_forward_in_eval_mode_wakes_all_rows():
    pair = Pair()
    pair.step(5)
    pair.deferred.eval()
    with torch.inference_mode():
        pair.deferred(torch.tensor([0]))
    pair.equal()
    # Training in eval mode does not bring all rows up to date at each step.
    pair.step(5)
    assert pair.owing()
    pair.deferred(torch.arange(ROWS))
    pair.equal()
    pair.deferred.train()
    pair.step(5)
    pair.deferred.eval()(torch.tensor([0]))
    pair.equal()


@pytest.mark.parametrize("module", [nn.Sequential, nn.Identity])
def test_a_checkpoint_of_the_module_is_up_to_date(module):
    pair = Pair()
    pair.step(5)
    holder = nn.Sequential(pair.deferred) if module is nn.Sequential else pair.deferred
    (saved,) = holder.state_dict().values()
    pair.equal(saved)


def test_loading_replaces_what_was_owed():
    pair = Pair()
    pair.step(5)
    loaded = torch.ones_like(pair.deferred.weight)
    pair.deferred.load_state_dict({"weight": loaded})
    assert torch.equal(pair.deferred(torch.arange(ROWS)), loaded)


def test_a_checkpoint_moves_to_torch_and_back():
    pair = Pair()
    pair.step(5)
    other = torch.optim.Adam([nn.Parameter(pair.deferred.weight.detach().clone())])
    other.load_state_dict(copy.deepcopy(pair.optimizer.state_dict()))
    pair.equal()
    pair.step(3)
    pair.deferred.load_state_dict(pair.dense.state_dict())
    pair.optimizer.load_state_dict(copy.deepcopy(pair.reference.state_dict()))
    pair.step(3)
    assert pair.owing()
    pair.optimizer.flush()
    pair.equal()


COPIES = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301 - our own
    "protocol 1": lambda value: pickle.loads(pickle.dumps(value, 1)),  # noqa: S301
    "deepcopy": copy.deepcopy,
    "save": lambda value: saved(value),
}


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("way", COPIES)
def test_a_copied_module_is_up_to_date_and_its_own(way):
    pair = Pair()
    pair.step(5)
    model = COPIES[way](nn.Sequential(pair.deferred))
    pair.equal(model[0].weight)
    pair.step(5)
    assert not model[0]._forward_pre_hooks
    assert not model[0]._state_dict_pre_hooks
    assert "__getstate__" not in vars(model[0])
    again = COPIES[way](model)
    assert torch.equal(again[0](torch.arange(ROWS)), model[0].weight)


@pytest.mark.parametrize("way", COPIES)
def test_a_copied_optimizer_defers_its_copied_module(way):
    pair = Pair()
    pair.step(5)
    pair.deferred, pair.optimizer = COPIES[way]((pair.deferred, pair.optimizer))
    pair.step(5)
    assert pair.owing()
    pair.deferred(torch.arange(ROWS))
    pair.equal()


def test_up_to_date_holds_for_reading_writing_and_stepping():
    pair = Pair()
    pair.step(5)
    with pair.optimizer.up_to_date():
        pair.equal()
        pair.step(2)
        pair.equal()
        with torch.no_grad():
            pair.deferred.weight.mul_(0.5)
            pair.dense.weight.mul_(0.5)
    pair.step(5)
    assert pair.owing()
    with pair.optimizer.up_to_date():
        pair.equal()


def test_up_to_date_ends_with_an_error():
    pair = Pair()
    with pytest.raises(KeyError), pair.optimizer.up_to_date():
        raise KeyError
    pair.step(5)
    assert pair.owing()


def test_rows_are_owed_their_steps_when_the_optimizer_has_gone():
    pair = Pair()
    pair.step(5)
    pair.optimizer = None
    pair.deferred.eval()(torch.tensor([0]))
    pair.equal()


def test_an_optimizer_takes_over_from_another():
    pair = Pair()
    pair.step(5)
    before = pair.optimizer
    pair.optimizer = fs.torch.Adam(pair.deferred.parameters(), defer=[pair.deferred])
    pair.equal()
    pair.optimizer.load_state_dict(copy.deepcopy(before.state_dict()))
    pair.step(5)
    assert pair.owing()
    pair.deferred(torch.arange(ROWS))
    pair.equal()
    # The optimizer before keeps all rows up to date now, since lookups do not catch up its steps.
    pair.optimizer = before
    pair.step(5)
    weight = pair.deferred.weight.detach().clone()
    before.flush()
    assert torch.equal(pair.deferred.weight, weight)


def test_dense_gradients_between_sparse_ones():
    pair = Pair()
    for _ in range(3):
        pair.step(3)
        for module, optimizer in ((pair.deferred, pair.optimizer), (pair.dense, pair.reference)):
            module.weight.grad = torch.ones_like(module.weight)
            optimizer.step()
        pair.equal()


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("Adam", {"betas": (0.8, 0.9)}),
        ("Adam", {"weight_decay": 0.1}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {"weight_decay": 0.5, "maximize": True}),
        ("SGD_momentum", {"momentum": 0.5}),
        ("SGD_momentum", {"momentum": 0.0}),
        ("SGD", {"momentum": 0.5}),
    ],
)
def test_settings_may_change_on_the_way(case, changes):
    pair = Pair(case)
    pair.step(5)
    if "amsgrad" in changes:
        pair.optimizer.flush()
    for optimizer in (pair.optimizer, pair.reference):
        if "amsgrad" in changes:
            for state in optimizer.state.values():
                state["max_exp_avg_sq"] = state["exp_avg_sq"].clone()
        optimizer.param_groups[0].update(changes)
    pair.step(5)
    pair.optimizer.flush()
    pair.equal()


def test_states_may_be_replaced_on_the_way():
    pair = Pair()
    pair.step(5)
    pair.optimizer.flush()
    for optimizer in (pair.optimizer, pair.reference):
        for state in optimizer.state.values():
            state["exp_avg_sq"] = torch.ones_like(state["exp_avg_sq"])
    pair.step(5)
    pair.optimizer.flush()
    pair.equal()


def test_a_closure_looks_up_too():
    pair = Pair()
    pair.step(5)
    rows = torch.arange(ROWS)

    def evaluate(module, optimizer):
        optimizer.zero_grad()
        loss = module(rows).square().sum()
        loss.backward()
        return loss

    losses = [
        optimizer.step(lambda module=module, optimizer=optimizer: evaluate(module, optimizer)).item()
        for module, optimizer in ((pair.deferred, pair.optimizer), (pair.dense, pair.reference))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_bags_with_weights_look_up_twice_before_one_backward():
    pair = Pair(module=nn.EmbeddingBag, mode="sum")
    weights = torch.rand(6, dtype=torch.float64, requires_grad=True)
    for _ in range(6):
        first, second = torch.randint(0, ROWS, (2, 2, 3))
        for module, optimizer in ((pair.deferred, pair.optimizer), (pair.dense, pair.reference)):
            optimizer.zero_grad()
            one = module(input=first.reshape(-1), offsets=torch.tensor([0, 2]), per_sample_weights=weights)
            two = module(second, per_sample_weights=weights.reshape(2, 3))
            (one + two).square().sum().backward()
            optimizer.step()
    pair.optimizer.flush()
    pair.equal()


@pytest.mark.parametrize("kind", [torch.nn.EmbeddingBag, fs.torch.EmbeddingBag])
def test_what_is_read_between_a_lookup_and_its_backward_leaves_the_lookup_valid(kind):
    table = kind(9, 3, mode="sum", sparse=True, dtype=torch.float64)
    optimizer = fs.torch.Adam(table.parameters(), lr=0.1, defer=[table])
    factors = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    for rows in ([0, 1, 2], [3, 4, 5]):
        table(torch.tensor([rows]), None, factors).sum().backward()
        optimizer.step()
    result = table(torch.tensor([[0, 5, 7]]), None, factors).sum()
    # The other rows owe a step, of which nobody knows.
    optimizer.flush()
    factors.grad = None
    result.backward()
    assert torch.equal(factors.grad[0], table.weight.detach()[[0, 5, 7]].sum(1))
    result = table(torch.tensor([[0, 5, 7]]), None, factors).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.backward()


def test_a_table_of_inference_mode_catches_up():
    with torch.inference_mode():
        table = torch.nn.Embedding(4, 2, sparse=True)
    optimizer = fs.torch.Adam(table.parameters(), lr=0.1, defer=[table])
    for rows in ([0, 1], [2, 3], [0, 1]):
        table(torch.tensor(rows))
        table.weight.grad = torch.sparse_coo_tensor(
            torch.tensor([rows]), torch.ones(2, 2), (4, 2), check_invariants=True
        )
        optimizer.step()
    optimizer.flush()


def test_two_modules_share_a_table():
    pair = Pair()
    other = nn.Embedding(ROWS, WIDTH, sparse=True, _weight=pair.deferred.weight)
    other.weight = pair.deferred.weight
    pair.optimizer = fs.torch.Adam(pair.deferred.parameters(), defer=[pair.deferred, other, other])
    pair.step(5)
    assert pair.owing()
    other(torch.arange(ROWS))
    pair.equal()


def test_padding_and_renormalised_rows():
    pair = Pair(padding_idx=2, max_norm=1.0)
    pair.step(12)
    rows = torch.arange(ROWS)
    torch.testing.assert_close(pair.deferred(rows), pair.dense(rows), rtol=0, atol=1e-11)


def test_parameters_beside_the_table_take_their_steps():
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(ROWS, WIDTH, sparse=True), nn.Linear(WIDTH, 1))
    dense = nn.Sequential(nn.EmbeddingBag(ROWS, WIDTH), nn.Linear(WIDTH, 1))
    dense.load_state_dict(model.state_dict())
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[1].parameters()}]
    optimizer = fs.torch.Adam(groups, defer=[model[0]])
    reference = torch.optim.Adam([{"params": dense[0].parameters(), "lr": 0.1}, {"params": dense[1].parameters()}])
    for _ in range(10):
        rows = torch.randint(0, ROWS, (4, 2))
        for each, its in ((model, optimizer), (dense, reference)):
            its.zero_grad()
            each(rows).square().sum().backward()
            its.step()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, dense.state_dict()[name], rtol=2e-6, atol=2e-6)


def test_another_weight_put_in_its_place_is_left_alone():
    pair = Pair()
    pair.step(5)
    pair.deferred.weight = nn.Parameter(torch.ones(ROWS, WIDTH))
    assert torch.equal(pair.deferred(torch.arange(ROWS)), torch.ones(ROWS, WIDTH))


def test_a_bad_lookup_changes_nothing():
    pair = Pair()
    pair.step(5)
    # The memory itself: reading the parameter would bring it up to date.
    before = pair.optimizer._tables[pair.deferred.weight].memory().clone()
    with pytest.raises(IndexError, match=r"Adam: indices\[1\] is 31"):
        pair.deferred(torch.tensor([0, ROWS]))
    assert torch.equal(pair.deferred.weight, before)
    pair.step(5)
    pair.optimizer.flush()
    pair.equal()


@pytest.mark.parametrize("arguments", [(), ([0, 1],), (torch.tensor([0.5]),)])
def test_what_is_no_lookup_is_refused(arguments):
    pair = Pair()
    pair.step(5)
    with pytest.raises(TypeError):
        pair.deferred(*arguments)


def test_a_model_may_be_compiled():
    pair = Pair()
    model = torch.compile(pair.deferred, backend="aot_eager")
    pair.step(5)
    rows = torch.arange(ROWS)
    torch.testing.assert_close(model(rows), pair.dense(rows), rtol=0, atol=1e-11)
    pair.step(5)
    torch.testing.assert_close(model(rows), pair.dense(rows), rtol=0, atol=1e-11)


def test_what_cannot_be_deferred_is_refused():
    embedding, linear = nn.Embedding(4, 2, sparse=True), nn.Linear(2, 2)
    with pytest.raises(TypeError, match="defer is of type Embedding, expected a list of modules"):
        fs.torch.Adam(embedding.parameters(), defer=embedding)
    with pytest.raises(TypeError, match=r"defer\[0\] is of type Linear, expected a torch.nn.Embedding"):
        fs.torch.Adam(linear.parameters(), defer=[linear])
    with pytest.raises(ValueError, match=r"defer\[0\].weight is not one of the parameters"):
        fs.torch.Adam(linear.parameters(), defer=[embedding])
    assert not embedding._forward_pre_hooks


ACTIONS = {
    "step": lambda pair: pair.step(),
    "steps": lambda pair: pair.step(7),
    "look up": lambda pair: pair.deferred(torch.tensor([1, 20])),
    "evaluate": lambda pair: pair.deferred.eval()(torch.tensor([3])),
    "train": lambda pair: pair.deferred.train(),
    "flush": lambda pair: pair.optimizer.flush(),
    "save": lambda pair: (pair.deferred.state_dict(), pair.optimizer.state_dict()),
    "reload": lambda pair: (
        pair.deferred.load_state_dict(copy.deepcopy(pair.deferred.state_dict())),
        pair.optimizer.load_state_dict(copy.deepcopy(pair.optimizer.state_dict())),
    ),
    "copy": lambda pair: vars(pair).update(
        zip(("deferred", "optimizer"), copy.deepcopy((pair.deferred, pair.optimizer)), strict=True)
    ),
    "betas": lambda pair: [
        optimizer.param_groups[0].update(betas=(0.5, 0.75)) for optimizer in (pair.optimizer, pair.reference)
    ],
    "dense": lambda pair: dense_step(pair),
}


def dense_step(pair):
    for module, optimizer in ((pair.deferred, pair.optimizer), (pair.dense, pair.reference)):
        module.weight.grad = torch.linspace(-1, 1, ROWS * WIDTH, dtype=torch.float64).reshape(ROWS, WIDTH)
        optimizer.step()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=25))
def test_whatever_is_done_in_between(actions):
    pair = Pair()
    for action in actions:
        ACTIONS[action](pair)
    rows = torch.arange(ROWS)
    torch.testing.assert_close(pair.deferred(rows), pair.dense(rows), rtol=0, atol=1e-11)
