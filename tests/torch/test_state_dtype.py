"""The dtypes of states: defaults, choices, checkpoints."""

import copy
import io
import pickle
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_optimizer import ALL, build

torch = pytest.importorskip("torch")


def weight(dtype: str = "float32") -> Any:
    return torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(4, 3).to(getattr(torch, dtype)))


def step(optimizer: Any, scale: float = 1.0) -> Any:
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.full_like(param, scale)
    optimizer.step()
    return optimizer


def dtypes(optimizer: Any) -> dict[str, Any]:
    (states,) = optimizer.state.values() or [{}]
    return {key: states[key].dtype for key in optimizer._state_keys if states.get(key) is not None}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("of_param", ["float64", "float32", "float16", "bfloat16"])
def test_states_are_wide_by_default(name: str, of_param: str) -> None:
    wide = torch.float64 if of_param == "float64" else torch.float32
    assert set(dtypes(step(build(name, [weight(of_param)]))).values()) <= {wide}


def test_float16_states_do_not_lose_small_squares() -> None:
    param = weight("float16")
    before = param.detach().clone()
    step(fs.torch.Adam([param], lr=1e-3), scale=1e-3)
    assert ((before - param.detach()).abs() <= 2e-3).all()


def test_bfloat16_states_do_not_get_stuck() -> None:
    param = weight("bfloat16")
    optimizer = fs.torch.Adam([param], lr=1e-3)
    for _ in range(3000):
        step(optimizer)
    assert optimizer.state[param]["exp_avg_sq"].flatten()[0] > 0.9


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("of_param", ["float32", "bfloat16"])
def test_one_dtype_for_all_states(name: str, dtype: str, of_param: str) -> None:
    kind = getattr(torch, dtype)
    optimizer = step(step(build(name, [weight(of_param)], state_dtype=kind)))
    found = dtypes(optimizer)
    # FTRL's master is there to be wide.
    found.pop("master", None)
    assert set(found.values()) <= {kind}
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):  # noqa: S301 - our own
        assert dtypes(step(copied)) == dtypes(optimizer)


def test_a_dtype_by_state_and_by_group() -> None:
    chosen = {"exp_avg": torch.bfloat16}
    optimizer = fs.torch.Adam([{"params": [weight()], "state_dtype": chosen}, {"params": [weight()]}], amsgrad=True)
    chosen["exp_avg"] = torch.float64
    step(optimizer)
    first, second = optimizer.state.values()
    assert [first[key].dtype for key in optimizer._state_keys] == [torch.bfloat16, torch.float32, torch.float32]
    assert [second[key].dtype for key in optimizer._state_keys] == [torch.float32] * 3
    assert "state_dtype" not in optimizer.param_groups[1]


def test_rows_columns_and_a_rule_of_ones_own() -> None:
    optimizer = step(fs.torch.RowwiseAdagrad([weight("bfloat16")], state_dtype=torch.float16))
    assert dtypes(optimizer) == {"sum": torch.float16}
    optimizer = step(
        fs.torch.RuleOptimizer(
            [weight()], fs.rules.momentum, lr=0.1, momentum=0.9, state_dtype={"accum": torch.float16}
        )
    )
    assert dtypes(optimizer) == {"accum": torch.float16}


def test_a_complex_parameter_has_complex_states() -> None:
    param = torch.nn.Parameter(torch.ones(3, dtype=torch.complex64))
    assert set(dtypes(step(fs.torch.Adam([param], state_dtype=torch.float32))).values()) == {torch.complex64}


@pytest.mark.parametrize("narrow", [torch.bfloat16, {"exp_avg": torch.bfloat16, "exp_avg_sq": torch.float32}])
def test_checkpoints_take_the_chosen_dtypes(narrow: Any) -> None:
    saved = step(torch.optim.Adam([weight()])).state_dict()
    optimizer = fs.torch.Adam([weight()], state_dtype=narrow)
    optimizer.load_state_dict(copy.deepcopy(saved))
    want = torch.bfloat16 if narrow is torch.bfloat16 else torch.float32
    assert dtypes(optimizer) == {"exp_avg": torch.bfloat16, "exp_avg_sq": want}
    assert optimizer.param_groups[0]["state_dtype"] == narrow
    # What is saved may be read without trusting it.
    memory = io.BytesIO()
    torch.save(step(optimizer).state_dict(), memory)
    memory.seek(0)
    again = fs.torch.Adam([weight()])
    again.load_state_dict(torch.load(memory, weights_only=True))
    assert dtypes(step(again)) == dtypes(optimizer)
    theirs = torch.optim.Adam([weight()])
    theirs.load_state_dict(optimizer.state_dict())
    step(theirs)


# Torch's compiler warns of torch itself.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_deferred_rows_and_compiled_steps_keep_the_dtype() -> None:
    table = torch.nn.Embedding(8, 4, sparse=True)
    optimizer = fs.torch.Adam(table.parameters(), defer=[table], state_dtype=torch.bfloat16)
    for _ in range(3):
        optimizer.zero_grad()
        table(torch.tensor([1, 2, 1])).sum().backward()
        optimizer.step()
    assert set(dtypes(optimizer).values()) == {torch.bfloat16}
    param = weight()
    param.grad = torch.ones_like(param)
    optimizer = fs.torch.Adam([param], state_dtype=torch.float16)
    torch.compile(optimizer.step, backend="eager")()
    assert set(dtypes(optimizer).values()) == {torch.float16}


@pytest.mark.parametrize(
    ("error", "dtype", "of_param", "sentence"),
    [
        (TypeError, "float16", "float32", "state_dtype is 'float16', expected a dtype of torch"),
        (TypeError, torch.int32, "float32", "state_dtype is torch.int32, expected a dtype of torch"),
        (TypeError, {"exp_avg": torch.complex64}, "float32", "state_dtype is torch.complex64"),
        (
            ValueError,
            {"mean": torch.float16},
            "float32",
            "state_dtype names 'mean', expected some of exp_avg",
        ),
        (ValueError, torch.float64, "float32", "state_dtype is torch.float64 beside a parameter of torch.float32"),
        (
            ValueError,
            torch.float32,
            "float64",
            "state_dtype is torch.float32 .*, expected float64; put",
        ),
    ],
)
def test_dtypes_that_are_refused(error: type[Exception], dtype: Any, of_param: str, sentence: str) -> None:
    with pytest.raises(error, match=f"^Adam: {sentence}"):
        fs.torch.Adam([weight(of_param)], state_dtype=dtype)
    optimizer = fs.torch.Adam([weight()])
    with pytest.raises(error, match=f"^Adam: {sentence}"):
        optimizer.add_param_group({"params": [weight(of_param)], "state_dtype": dtype})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", ["Adam", "NAdam"])
def test_counters_are_not_narrowed_by_a_checkpoint(name: str) -> None:
    optimizer = build(name, [weight()], state_dtype=torch.bfloat16)
    (param,) = optimizer.param_groups[0]["params"]
    step(optimizer)
    optimizer.state[param]["step"].fill_(300)
    optimizer.load_state_dict(optimizer.state_dict())
    for _ in range(5):
        step(optimizer)
    assert optimizer.state[param]["step"] == 305
    for key in optimizer._counters:
        assert optimizer.state[param][key].dtype is torch.float32


@pytest.mark.parametrize("shape", [(4, 3), (5,)])
def test_rows_of_a_complex_parameter_have_real_states(shape: tuple[int, ...]) -> None:
    param = torch.nn.Parameter(torch.ones(shape, dtype=torch.complex64))
    optimizer = step(step(fs.torch.RowwiseAdagrad([param], state_dtype=torch.float32)))
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert step(optimizer).state[param]["sum"].dtype is torch.float32
    assert optimizer.state[param]["step"].dtype is torch.float32


def test_ftrls_master_stays_wide() -> None:
    param = weight("bfloat16")
    optimizer = step(fs.torch.FTRL([param], lr=0.1, state_dtype=torch.bfloat16))
    assert dtypes(optimizer) == {"accum": torch.bfloat16, "linear": torch.bfloat16, "master": torch.float32}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_complex_parameters_have_no_narrow_states(dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"^Adam: state_dtype is .* of torch.complex64, expected float32"):
        fs.torch.Adam([torch.ones(2, dtype=torch.complex64)], state_dtype=dtype)


def test_a_choice_that_is_made_later_is_checked() -> None:
    optimizer = fs.torch.Adam([weight()])
    optimizer.param_groups[0]["state_dtype"] = "float16"
    with pytest.raises(TypeError, match=r"^Adam: state_dtype is 'float16'"):
        step(optimizer)
    assert not optimizer.state
    saved = fs.torch.Adam([weight()]).state_dict()
    saved["param_groups"][0]["state_dtype"] = torch.float64
    with pytest.raises(ValueError, match=r"^Adam: state_dtype is torch.float64 beside"):
        fs.torch.Adam([weight()]).load_state_dict(saved)
