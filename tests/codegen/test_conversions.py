"""Narrow storage: every value is read and written as NumPy and ml_dtypes do, bit for bit."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.cpu import compiler, conversions, disk_cache
from fusedstep.codegen.cpu.stochastic import STOCHASTIC
from fusedstep.codegen.gpu.sources import WORDS, definitions
from fusedstep.storage import STORAGES
from tests import reference

NARROW = [each.name for each in STORAGES.values() if each.is_narrow]


# A rule of its own for each way of converting: kernels are remembered by rule.
def exchange(wide: Any, narrow: Any, grad: Any) -> tuple[Any, Any]:
    return narrow, wide


def exchange_by_integers(wide: Any, narrow: Any, grad: Any) -> tuple[Any, Any]:
    return narrow, wide


def every_value(dtype: np.dtype) -> np.ndarray:
    """All that a narrow type holds."""
    bits = 8 * dtype.itemsize
    return np.arange(2**bits, dtype=f"uint{bits}").view(dtype)


def hard_to_round(dtype: np.dtype) -> np.ndarray:
    """float32 numbers: all that the type holds, all ties between two of them, their neighbours, and random bits."""
    with np.errstate(all="ignore"):
        held = every_value(dtype).astype(np.float32)
        held = np.unique(held[np.isfinite(held)])
        # The last tie, between the largest number and what would come next, decides what becomes infinite.
        step = held[-1] - held[-2]
        ties = (held[:-1].astype(np.float64) + held[1:]) / 2
        last = held[-1].astype(np.float64) + step / 2
        ties = np.concatenate([ties, [last, -last]]).astype(np.float32)
        centres = np.concatenate([held, ties])
        around = [np.nextafter(centres, np.float32(side)) for side in (-np.inf, np.inf)]
    random = np.random.default_rng(0).integers(0, 2**32, 2**16, np.uint32).view(np.float32)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)
    payloads = np.array([0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FC12345], np.uint32).view(np.float32)
    return np.concatenate([centres, *around, random, special, payloads])


def check(rule: Any, dtype: np.dtype) -> None:
    wide = hard_to_round(dtype)
    narrow = np.resize(every_value(dtype), wide.size)
    assert wide.size >= every_value(dtype).size
    with np.errstate(all="ignore"):
        expected = narrow.astype(np.float32), wide.astype(dtype)
    fs.Operator(rule)(wide, narrow, np.zeros(wide.size, np.float32))
    reference.assert_same_bits(wide, expected[0], f"{dtype} to float32")
    reference.assert_same_bits(narrow, expected[1], f"float32 to {dtype}")


@pytest.mark.parametrize("name", NARROW)
def test_every_value(name: str) -> None:
    check(exchange, reference.DTYPES[name])


def test_each_backend_has_what_the_table_of_storage_types_says() -> None:
    words = definitions(WORDS)[1]
    assert conversions.NARROW.keys() == set(NARROW)
    assert {f"{way}_{name}" for way in ("from", "to") for name in STORAGES} <= words.keys()
    rounded_stochastically = {each.name for each in STORAGES.values() if each.stochastic}
    assert STOCHASTIC.keys() == rounded_stochastically
    assert {f"to_{name}_stochastic" for name in STORAGES} & words.keys() == {
        f"to_{name}_stochastic" for name in rounded_stochastically
    }


def test_float16_by_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "has_half", lambda: False)
    compiled = []
    object_code = compiler.object_code
    monkeypatch.setattr(
        compiler, "object_code", lambda text, *names: compiled.append(text) or object_code(text, *names)
    )
    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    check(exchange_by_integers, np.dtype(np.float16))
    assert any("exchange_by_integers" in text for text in compiled)
    assert not any(" half " in text for text in compiled)


@pytest.mark.parametrize("name", [name for name in NARROW if not STORAGES[name].in_numpy])
def test_tensors_are_the_same(name: str) -> None:
    torch = pytest.importorskip("torch")
    dtype = getattr(torch, name)
    wide = torch.from_numpy(hard_to_round(reference.DTYPES[name]))
    narrow = wide.flip(0).to(dtype)
    expected = narrow.float(), wide.to(dtype)
    returned = fs.Operator(exchange)(wide, narrow, torch.zeros(len(wide)))
    assert returned[0] is wide
    assert returned[1] is narrow
    assert narrow.dtype == dtype
    for got, want in zip((wide, narrow.float()), (expected[0], expected[1].float()), strict=True):
        reference.assert_same_bits(got.numpy(), want.numpy())


def test_a_sum_of_halves_is_kept_in_float32() -> None:
    # In float16 the sum would stay at 2048, and overflow at the end.
    var, kept = np.zeros((2, 1), np.float16), np.zeros((2, 1), np.float32)
    grad = np.ones((4097, 1), np.float16)
    grad[4096] = 60000

    fs.Operator(keep_sum)(var, kept, grad, np.ones(4097, int))
    assert kept.ravel().tolist() == [0.0, 64096.0]
    assert var.ravel().tolist() == [0.0, 64096.0]


def test_a_sum_starts_from_the_first_gradient() -> None:
    # Starting from 0 would make it +0, and cost an addition.
    var, kept = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
    fs.Operator(keep_sum)(var, kept, np.full((3, 2), -0.0, np.float32), np.array([1, 1, 0]))
    assert np.signbit(kept).tolist() == [[True, True], [True, True], [False, False]]
    assert kept.tolist() == [[0, 0], [0, 0], [1, 1]]


def keep_sum(var: Any, kept: Any, grad: Any) -> tuple[Any, Any]:
    return grad, grad
