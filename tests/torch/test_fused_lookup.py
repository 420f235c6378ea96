"""Where lookups are ours and where they are torch's, in everything that transforms, traces and records."""

import copy
import subprocess
import sys
import textwrap
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

import fusedstep as fs
from fusedstep.torch.embedding_gradient import EmbeddingGradient
from tests.torch.test_embedding import ROWS, WIDTH, assert_same_gradient, exact, pair

KINDS = ["Embedding", "EmbeddingBag"]
IDS = torch.tensor([[1, 5, 5, 2], [0, 7, 1, 1]])


def both(kind: str, **settings: Any) -> Any:
    settings = {"dtype": torch.float64, **settings}
    if kind == "EmbeddingBag":
        settings["mode"] = settings.get("mode", "sum")
    return pair(getattr(fs.torch, kind), getattr(nn, kind), ROWS, WIDTH, **settings)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_several_lookups_are_summed(kind: str, sparse: bool) -> None:
    modules = both(kind, sparse=sparse)
    for module in modules:
        (module(IDS).sum() + module(IDS + 2).sum() * 2).backward()
        module(IDS[:1]).sum().backward()
    assert_same_gradient(*(module.weight.grad for module in modules))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_may_be_an_output_layer_too(kind: str) -> None:
    modules, hidden = both(kind), exact((2, WIDTH), torch.float64)
    for module in modules:
        (hidden @ module.weight.T).sum().backward()
        module(IDS).sum().backward()
        (module(IDS).reshape(-1, WIDTH).detach() @ module.weight.T).sum().backward()
    torch.testing.assert_close(*(module.weight.grad.to_dense() for module in modules), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("padding", [None, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives(kind: str, padding: Any, sparse: bool) -> None:
    module = both(kind, sparse=sparse, padding_idx=padding)[0]
    plain = nn.Embedding(ROWS, WIDTH, padding_idx=padding, dtype=torch.float64)
    plain.load_state_dict(module.state_dict())

    def combined(ids: Any) -> Any:
        found = plain(ids)
        if kind == "Embedding":
            return found
        return (found if padding is None else found * (ids != padding)[..., None]).sum(1)

    penalties = []
    for look_up, weight in ((module, module.weight), (combined, plain.weight)):
        (first,) = torch.autograd.grad(look_up(IDS).pow(3).sum(), [weight], create_graph=True)
        assert type(first) is torch.Tensor
        assert first.is_sparse is (sparse and look_up is module)
        penalties.append(first.to_dense().square().sum())
    torch.testing.assert_close(*penalties)
    grads = [
        torch.autograd.grad(penalty, [weight])[0].to_dense()
        for penalty, weight in zip(penalties, (module.weight, plain.weight), strict=True)
    ]
    torch.testing.assert_close(*grads)


def test_second_derivatives_by_factors() -> None:
    table = both("EmbeddingBag", padding_idx=1)[0]
    factors = torch.rand(IDS.shape, dtype=torch.float64, requires_grad=True)

    def function(weight: Any, factors: Any) -> Any:
        table.weight.data.copy_(weight.detach())
        return table(IDS, per_sample_weights=factors).pow(2).sum(0)

    assert torch.autograd.gradcheck(lambda each: function(table.weight, each), (factors,))
    assert torch.autograd.gradgradcheck(lambda each: function(table.weight, each), (factors,))


@pytest.mark.parametrize("kind", KINDS)
def test_batched_gradients_are_plain(kind: str) -> None:
    ours, theirs = both("Embedding")
    seeds = torch.eye(IDS.numel() * WIDTH, dtype=torch.float64).reshape(-1, *IDS.shape, WIDTH)
    found = [
        torch.autograd.grad(module(IDS), [module.weight], [seeds], is_grads_batched=True)[0]
        for module in (ours, theirs)
    ]
    assert torch.equal(*found)


# torch warns of its own code.
@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_transformations_get_torchs_lookup(kind: str) -> None:
    modules = both(kind)

    def loss(module: Any, params: Any, ids: Any) -> Any:
        return torch.func.functional_call(module, params, (ids,)).square().sum()

    found: list[Any] = [[], []]
    for module, results in zip(modules, found, strict=True):
        params = dict(module.named_parameters())
        results.append(torch.func.grad(lambda each, module=module: loss(module, each, IDS))(params)["weight"])
        by_row = torch.func.vmap(torch.func.grad(lambda each, ids, module=module: loss(module, each, ids)), (None, 0))
        results.append(by_row(params, IDS[:, None])["weight"])
        results.append(torch.func.jacrev(lambda each, module=module: loss(module, each, IDS))(params)["weight"])
        if kind == "Embedding":
            with forward_ad.dual_level():
                dual = {"weight": forward_ad.make_dual(module.weight.detach(), torch.ones_like(module.weight))}
                results.append(forward_ad.unpack_dual(loss(module, dual, IDS)).tangent)
            results.append(module(IDS).detach())
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_look_up_again(kind: str, reentrant: bool) -> None:
    modules = both(kind)
    for module in modules:
        anchor = torch.ones((), dtype=torch.float64, requires_grad=True)
        checkpoint(
            lambda ids, anchor, module=module: (module(ids) * anchor).square().sum(),
            IDS,
            anchor,
            use_reentrant=reentrant,
        ).backward()
    assert_same_gradient(*(module.weight.grad for module in modules))


@pytest.mark.parametrize("kind", KINDS)
def test_without_gradients_torchs_lookup_serves(kind: str) -> None:
    ours, theirs = both(kind)
    with torch.no_grad():
        assert torch.equal(ours(IDS), theirs(IDS))
        assert not ours(IDS).requires_grad
    with torch.inference_mode():
        assert ours(IDS).is_inference()
    ours.weight.requires_grad_(False)
    assert not ours(IDS).requires_grad
    meta = getattr(fs.torch, kind)(ROWS, WIDTH, device="meta")
    meta(IDS.to("meta")).sum().backward()
    assert type(meta.weight.grad) is torch.Tensor


def test_a_gradient_that_does_not_exist_leaves_none() -> None:
    class Nothing(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, given: Any) -> Any:
            return given.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return None

    ours, theirs = both("Embedding")
    for module in (ours, theirs):
        Nothing.apply(module(IDS)).sum().backward()
        assert module.weight.grad is None


def test_fake_tensors_get_torchs_lookup() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    table = fs.torch.Embedding(ROWS, WIDTH)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert table(torch.zeros(3, dtype=torch.long)).shape == (3, WIDTH)
        made = fs.torch.EmbeddingBag(ROWS, WIDTH)
        made(torch.zeros(3, 2, dtype=torch.long)).sum().backward()
        assert made.weight.grad.shape == (ROWS, WIDTH)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_torchscript_and_export_record_torchs_lookup(kind: str) -> None:
    ours, theirs = both(kind)
    recorded = {
        "script": torch.jit.script(ours),
        "trace": torch.jit.trace(ours, (IDS,)),
        "export": torch.export.export(ours, (IDS,), strict=False).module(),
        "strict": torch.export.export(ours, (IDS,), strict=True).module(),
    }
    for name, module in recorded.items():
        ours.zero_grad()
        theirs.zero_grad()
        assert torch.equal(module(IDS), theirs(IDS)), name
        for each in (module, theirs):
            each(IDS).square().sum().backward()
        (weight,) = module.parameters()
        assert type(weight.grad) is torch.Tensor
        torch.testing.assert_close(weight.grad, theirs.weight.grad, rtol=0, atol=0)


class Pair:
    """A table whose rows Adam defers, and one that torch's Adam steps densely."""

    def __init__(self, kind: str, **settings: Any) -> None:
        self.ours, self.theirs = both(kind, **settings)
        self.theirs.sparse = False
        self.optimizer = fs.torch.Adam(self.ours.parameters(), lr=0.1, defer=[self.ours])
        self.reference = torch.optim.Adam(self.theirs.parameters(), lr=0.1)

    def train(self, look_up: Any = None, steps: int = 5) -> None:
        look_up = self.ours if look_up is None else look_up
        for _ in range(steps):
            ids = torch.randint(0, ROWS, (2, 2))
            seen = []
            for see, optimizer in ((look_up, self.optimizer), (self.theirs, self.reference)):
                optimizer.zero_grad()
                seen.append(see(ids))
                seen[-1].square().sum().backward()
                # Of the plain form: what the optimizer does with others is tested with it.
                weight = optimizer.param_groups[0]["params"][0]
                weight.grad = weight.grad.to_sparse() if optimizer is self.optimizer else weight.grad
                optimizer.step()
            torch.testing.assert_close(*seen, rtol=0, atol=1e-11)


WAYS: dict[str, Any] = {
    "called": lambda module: module,
    "forward": lambda module: module.forward,
    "eval": lambda module: module.eval(),
    "functional_call": lambda module: (
        lambda ids: torch.func.functional_call(module, dict(module.named_parameters()), (ids,))
    ),
    "checkpoint": lambda module: lambda ids: checkpoint(module, ids, use_reentrant=False),
    "compiled": lambda module: torch.compile(module, backend="aot_eager"),
    "compiled whole": lambda module: torch.compile(module, backend="aot_eager", fullgraph=True),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_deferred_rows_are_up_to_date_in_every_lookup(kind: str, way: str) -> None:
    torch._dynamo.reset()
    case = Pair(kind)
    look_up = WAYS[way](case.ours)
    case.train(look_up)
    every = torch.arange(ROWS)[:, None]
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            torch.testing.assert_close(look_up(every), case.theirs(every), rtol=0, atol=1e-11)
        case.train(look_up, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_deferred_rows_with_large_norms(kind: str) -> None:
    Pair(kind, max_norm=0.7).train(steps=8)


SCRIPT = """
    import sys
    import warnings
    import torch
    from torch import nn
    import fusedstep as fs

    warnings.simplefilter("ignore")
    backend, whole, sparse, tied = sys.argv[1], *(each == "True" for each in sys.argv[2:])

    class Model(nn.Module):
        def __init__(self, kinds):
            super().__init__()
            self.words = kinds[0](50, 8, padding_idx=3, sparse=sparse)
            self.bags = nn.ModuleList([kinds[1](60, 8, mode=mode, sparse=sparse) for mode in ("sum", "mean")])
            self.layer = nn.Linear(8, 8)

        def forward(self, ids, factors):
            hidden = self.words(ids).mean(1) + self.bags[0](ids, per_sample_weights=factors)
            hidden = torch.relu(self.layer(hidden + self.bags[1](ids))) + self.words(ids + 1).sum(1)
            return hidden @ self.words.weight.T if tied else hidden

    kinds = {"plain": (nn.Embedding, nn.EmbeddingBag), "ours": (fs.torch.Embedding, fs.torch.EmbeddingBag)}
    plain, ours = (Model(each).double() for each in kinds.values())
    ours.load_state_dict(plain.state_dict())
    compiled = torch.compile(ours, backend=backend, fullgraph=whole)
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.05) for each in (plain, ours)]
    for count in (4, 4, 6, 9):
        ids, factors = torch.randint(0, 48, (count, 3)), torch.rand(count, 3, dtype=torch.float64)
        for model, optimizer in zip((plain, compiled), optimizers):
            optimizer.zero_grad()
            model(ids, factors).square().mean().backward()
        for (name, one), two in zip(ours.named_parameters(), plain.parameters()):
            assert one.grad.is_sparse == two.grad.is_sparse, name
            torch.testing.assert_close(one.grad.to_dense(), two.grad.to_dense(), rtol=1e-9, atol=1e-12)
        for optimizer in optimizers:
            optimizer.step()
    kind = type(ours.bags[0].weight.grad).__name__
    assert kind == ("Tensor" if whole else "EmbeddingGradient"), kind
    with torch.no_grad():
        torch.testing.assert_close(compiled(ids, factors), plain(ids, factors), rtol=1e-9, atol=1e-12)
"""


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_models_have_the_gradients_of_eager_ones(backend: str, whole: bool) -> None:
    # In processes of their own: a kernel that receives a wrapper may crash.
    # In a whole graph torch's own tables fail where they are sparse and looked up twice, or have padding.
    for sparse, tied in ((False, False), (False, True), *[(True, False)] * (not whole)):
        run_alone(SCRIPT, backend, str(whole), str(sparse), str(tied))


def run_alone(script: str, *arguments: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_many_tables_of_a_compiled_model_are_not_compiled_each() -> None:
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    model = nn.Sequential(*(nn.Sequential(fs.torch.EmbeddingBag(20 + k, 4, padding_idx=k)) for k in range(12)))

    @torch.compile(backend="aot_eager")
    def look_up(ids: Any) -> Any:
        found = [table(ids) for table in model]
        return torch.stack(found).sum()

    torch._dynamo.config.error_on_recompile = True
    try:
        look_up(IDS)
    finally:
        torch._dynamo.config.error_on_recompile = False
    assert sum(counters["graph_break"].values()) < 12


COMPILED_AUTOGRAD = """
    import torch
    import fusedstep as fs
    from torch import nn

    for kind in ("Embedding", "EmbeddingBag"):
        ours, plain = getattr(fs.torch, kind)(20, 4, padding_idx=1), getattr(nn, kind)(20, 4, padding_idx=1)
        plain.load_state_dict(ours.state_dict())
        for rows in (3, 3, 5):
            ids = torch.randint(0, 20, (rows, 2))
            plain.zero_grad()
            plain(ids).square().sum().backward()
            ours.zero_grad()
            loss = ours(ids).square().sum()
            with torch._dynamo.compiled_autograd._enable(torch.compile(backend="aot_eager")):
                loss.backward()
            torch.testing.assert_close(ours.weight.grad.to_dense(), plain.weight.grad)
"""


def test_compiled_backward_passes() -> None:
    run_alone(COMPILED_AUTOGRAD)


def test_looking_up_imports_no_compiler() -> None:
    run_alone(
        """
        import sys, torch, fusedstep as fs
        fs.torch.fuse_embeddings(torch.nn.Embedding(3, 2))
        fs.torch.EmbeddingBag(3, 2)(torch.tensor([[1]])).sum().backward()
        assert "torch._dynamo" not in sys.modules
        """
    )


def test_copies_of_a_result_keep_their_graph() -> None:
    table = fs.torch.Embedding(ROWS, WIDTH)
    result = table(IDS)
    assert type(result.grad_fn).__name__ == "FusedLookupBackward"
    copied = copy.copy(table)
    assert copied.weight is table.weight
    result.sum().backward(retain_graph=True)
    result.sum().backward()
    assert type(table.weight.grad) is EmbeddingGradient
    assert table.weight.grad.to_dense()[5].tolist() == [4.0] * WIDTH
