"""MindSpore's settings of several processes are accepted where they mean one, and refused elsewhere."""

import logging
from typing import Any

import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import ParallelMode, context, parallel_context, said_once

# Documented for MindSpore 2.10.
DOCUMENTED: dict[str, Any] = {
    "device_num": 8,
    "global_rank": 3,
    "gradients_mean": True,
    "gradient_fp32_sync": False,
    "loss_repeated_mean": False,
    "parallel_mode": "data_parallel",
    "search_mode": "recursive_programming",
    "auto_parallel_search_mode": "recursive_programming",
    "parameter_broadcast": False,
    "strategy_ckpt_load_file": "./strategy.ckpt",
    "strategy_ckpt_save_file": "./strategy.ckpt",
    "group_ckpt_save_file": "./group.ckpt",
    "full_batch": True,
    "dataset_strategy": ((1, 8), (1, 8)),
    "enable_parallel_optimizer": False,
    "parallel_optimizer_config": {"parallel_optimizer_threshold": 24},
    "force_fp32_communication": True,
    "enable_alltoall": False,
    "all_reduce_fusion_config": [8, 160],
    "pipeline_stages": 2,
    "pipeline_config": {"pipeline_interleave": True, "pipeline_scheduler": "1f1b"},
    "pipeline_result_broadcast": True,
    "auto_pipeline": True,
    "comm_fusion": {"allreduce": {"mode": "auto", "config": None}},
    "strategy_ckpt_config": {"load_file": "./strategy.ckpt"},
    "dump_local_norm": True,
    "dump_local_norm_path": "./norms",
    "dump_device_local_norm": True,
}


@pytest.fixture(autouse=True)
def settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_context, "_settings", dict(parallel_context.DEFAULTS))
    monkeypatch.setattr(said_once, "_said", set())


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_setting_is_stored_and_reset(name: str) -> None:
    initial = ms.get_auto_parallel_context(name)
    ms.set_auto_parallel_context(**{name: DOCUMENTED[name]})
    assert ms.get_auto_parallel_context(name) == DOCUMENTED[name]
    ms.reset_auto_parallel_context()
    assert ms.get_auto_parallel_context(name) == initial


def test_every_setting_is_documented() -> None:
    assert DOCUMENTED.keys() == parallel_context.DEFAULTS.keys()


def test_the_names_are_where_mindspore_has_them() -> None:
    for name in ("set_auto_parallel_context", "get_auto_parallel_context", "reset_auto_parallel_context"):
        assert getattr(context, name) is getattr(ms, name) is getattr(parallel_context, name)
    assert ms.ParallelMode is context.ParallelMode
    modes = {name: mode for name, mode in vars(ParallelMode).items() if name.isupper() and name != "MODE_LIST"}
    assert {name.lower() for name in modes} == {*modes.values()} == {*ParallelMode.MODE_LIST}


def test_what_has_no_effect_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fusedstep"):
        ms.set_auto_parallel_context(parallel_mode=ParallelMode.STAND_ALONE, gradients_mean=False)
        assert not caplog.messages
        for _ in range(2):
            ms.set_auto_parallel_context(gradients_mean=True)
    (said,) = caplog.messages
    assert said.startswith("set_auto_parallel_context: gradients_mean=True is stored and has no effect in one process")
    assert {record.levelname for record in caplog.records} == {"INFO"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"parallel_mode": "semi_auto_parallel"}, "parallel_mode is 'semi_auto_parallel'"),
        ({"parallel_mode": ParallelMode.AUTO_PARALLEL}, "parallel_mode is 'auto_parallel'"),
        ({"parallel_mode": ParallelMode.HYBRID_PARALLEL}, "parallel_mode is 'hybrid_parallel'"),
        ({"parallel_mode": ParallelMode.DATA_PARALLEL, "device_num": 8}, "with device_num=8"),
        ({"enable_parallel_optimizer": True}, "enable_parallel_optimizer is True"),
    ],
)
def test_several_processes_are_refused_and_nothing_is_stored(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{reason}.*run in one process.*expected"):
        ms.set_auto_parallel_context(gradients_mean=True, **settings)
    assert parallel_context._settings == parallel_context.DEFAULTS


def test_devices_that_were_set_before_count() -> None:
    ms.set_auto_parallel_context(parallel_mode="data_parallel", device_num=1)
    with pytest.raises(NotImplementedError, match="device_num=2"):
        ms.set_auto_parallel_context(device_num=2)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"parallel_modes": "stand_alone"}, ValueError),
        ({"parallel_mode": "parallel"}, ValueError),
        ({"parallel_mode": 1}, TypeError),
        ({"device_num": 0}, ValueError),
        ({"device_num": True}, TypeError),
        ({"global_rank": -1}, ValueError),
        ({"gradients_mean": 1}, TypeError),
        ({"dataset_strategy": 1}, TypeError),
    ],
)
def test_what_mindspore_refuses_is_refused_and_nothing_is_stored(settings: dict[str, Any], kind: type) -> None:
    with pytest.raises(kind, match=f"set_auto_parallel_context: .*{next(iter(settings))}"):
        ms.set_auto_parallel_context(parameter_broadcast=True, **settings)
    assert parallel_context._settings == parallel_context.DEFAULTS
    with pytest.raises(ValueError, match="get_auto_parallel_context: MindSpore has no setting 'parallel'"):
        ms.get_auto_parallel_context("parallel")


def test_optimizers_step_in_the_modes_that_are_accepted() -> None:
    for mode in ("stand_alone", "data_parallel"):
        ms.set_auto_parallel_context(parallel_mode=mode, gradients_mean=True)
        weight = ms.Parameter(ms.Tensor([1.0]), name="weight")
        ms.nn.Momentum([weight], 0.5, 0.9)((ms.Tensor([1.0]),))
        assert weight.tolist() == [0.5]
