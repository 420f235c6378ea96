"""MindSpore's settings are accepted, and those without effect are named once in the log."""

import logging

import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import context, said_once

# Documented for MindSpore 2.10, some of them deprecated.
DOCUMENTED = {
    "mode": ms.GRAPH_MODE,
    "device_target": "Ascend",
    "device_id": 1,
    "deterministic": "ON",
    "max_call_depth": 80,
    "variable_memory_max_size": "6GB",
    "mempool_block_size": "1GB",
    "memory_optimize_level": "O1",
    "max_device_memory": "3.5GB",
    "pynative_synchronize": True,
    "compile_cache_path": "./cache.ms",
    "inter_op_parallel_num": 4,
    "disable_format_transform": True,
    "jit_syntax_level": ms.STRICT,
    "jit_config": {"jit_level": "O0"},
    "exec_order": "dfs",
    "op_timeout": 60,
    "aoe_tune_mode": "online",
    "aoe_config": {"job_type": "2"},
    "runtime_num_threads": 10,
    "save_graphs": True,
    "save_graphs_path": "./graphs",
    "enable_compile_cache": True,
    "ascend_config": {"precision_mode": "force_fp16"},
    "gpu_config": {"conv_allow_tf32": True},
    "print_file_path": "print.pb",
    "env_config_path": "./env_config.json",
    "debug_level": context.DEBUG,
    "reserve_class_name_in_scope": True,
    "check_bprop": True,
    "enable_reduce_precision": True,
    "support_binary": True,
}


@pytest.fixture(autouse=True)
def settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_settings", dict(context._settings))
    monkeypatch.setattr(said_once, "_said", set())


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_setting_is_stored(name: str) -> None:
    ms.set_context(**{name: DOCUMENTED[name]})
    assert ms.get_context(name) == DOCUMENTED[name]


@pytest.mark.parametrize("device", ["CPU", "GPU", "Ascend"])
def test_any_device_is_accepted_and_calls_run_on_the_cpu(device: str) -> None:
    ms.set_device(device, 0)
    context.set_context(mode=context.GRAPH_MODE, device_target=device)
    assert (ms.get_context("device_target"), ms.get_context("mode")) == (device, ms.GRAPH_MODE)
    var = ms.Parameter([1.0], name="var")
    ms.ops.ApplyGradientDescent().set_device(device)(var, 0.5, ms.Tensor([1.0]))
    assert var.item() == 0.5


def test_what_has_no_effect_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fusedstep"):
        ms.set_context(mode=ms.PYNATIVE_MODE, device_target="CPU")
        assert not caplog.messages
        for _ in range(2):
            ms.set_context(device_target="GPU", max_call_depth=10)
    assert caplog.messages == [
        "set_context: device_target='GPU' is stored and has no effect: every call runs immediately, on the CPU",
        "set_context: max_call_depth=10 is stored and has no effect: every call runs immediately, on the CPU",
    ]
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_what_mindspore_ignores_is_ignored() -> None:
    ms.set_context(enable_sparse=True, auto_tune_mode="NO_TUNE")
    with pytest.raises(ValueError, match="enable_sparse"):
        ms.get_context("enable_sparse")


@pytest.mark.parametrize(
    "wrong",
    [
        {"devise_target": "CPU"},
        {"device_target": "cpu"},
        {"device_target": "TPU"},
        {"mode": 2},
        {"mode": "GRAPH_MODE"},
        {"jit_syntax_level": 3},
        {"save_graphs": 5},
        {"deterministic": True},
    ],
)
def test_what_mindspore_refuses_is_refused_and_nothing_is_stored(wrong: dict[str, object]) -> None:
    before = dict(context._settings)
    with pytest.raises(ValueError, match="set_context"):
        ms.set_context(device_id=3, **wrong)
    assert context._settings == before
    with pytest.raises(ValueError, match="get_context"):
        ms.get_context("devise_target")
    with pytest.raises(ValueError, match="device_target"):
        ms.set_device("TPU")


def test_what_replaces_settings_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    ms.set_deterministic(True)
    ms.set_recursion_limit(80)
    assert (ms.get_context("deterministic"), ms.get_context("max_call_depth")) == ("ON", 80)
    with caplog.at_level(logging.INFO, "fusedstep"):
        ms.runtime.set_memory(max_size="8GB", optimize_level="O1")
        ms.runtime.set_memory()
        ms.runtime.dispatch_threads_num(4)
    assert [message.split(":")[0] for message in caplog.messages] == ["set_memory", "dispatch_threads_num"]
    for accepted in (ms.runtime.launch_blocking, ms.runtime.synchronize, ms.runtime.empty_cache):
        accepted()
    with pytest.raises(ValueError, match="optimize_level"):
        ms.runtime.set_memory(optimize_level="O2")
    with pytest.raises(TypeError, match="set_deterministic"):
        ms.set_deterministic("ON")  # type: ignore[arg-type]
