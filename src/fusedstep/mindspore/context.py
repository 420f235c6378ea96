"""MindSpore's settings. All calls here run immediately on the CPU, whatever the settings."""

from typing import Any

from .parallel_context import (
    ParallelMode,
    get_auto_parallel_context,
    reset_auto_parallel_context,
    set_auto_parallel_context,
)
from .said_once import say_once
from .unavailable import attribute_finder

__all__ = [
    "COMPATIBLE",
    "DEBUG",
    "GRAPH_MODE",
    "LAX",
    "PYNATIVE_MODE",
    "RELEASE",
    "STRICT",
    "ParallelMode",
    "get_auto_parallel_context",
    "get_context",
    "reset_auto_parallel_context",
    "set_auto_parallel_context",
    "set_context",
    "set_deterministic",
    "set_device",
    "set_recursion_limit",
]

GRAPH_MODE = 0
PYNATIVE_MODE = 1
STRICT, COMPATIBLE, LAX = 0, 1, 2
RELEASE, DEBUG = 0, 1

# MindSpore's settings and their initial values.
DEFAULTS: dict[str, Any] = {
    "mode": PYNATIVE_MODE,
    "device_target": "CPU",
    "device_id": 0,
    "aoe_config": {},
    "aoe_tune_mode": "",
    "ascend_config": {},
    "check_bprop": False,
    "compile_cache_path": "",
    "debug_level": RELEASE,
    "deterministic": "OFF",
    "disable_format_transform": False,
    "enable_compile_cache": None,
    "enable_graph_kernel": False,
    "enable_reduce_precision": True,
    "env_config_path": "",
    "exec_order": "bfs",
    "gpu_config": {},
    "graph_kernel_flags": "",
    "inter_op_parallel_num": 0,
    "jit_config": {},
    "jit_level": "",
    "jit_syntax_level": LAX,
    "max_call_depth": 1000,
    "max_device_memory": "1024GB",
    "memory_optimize_level": "O0",
    "mempool_block_size": "1GB",
    "op_timeout": 900,
    "print_file_path": "",
    "pynative_synchronize": False,
    "reserve_class_name_in_scope": True,
    "runtime_num_threads": 30,
    "save_graphs": 0,
    "save_graphs_path": ".",
    "support_binary": False,
    "variable_memory_max_size": "0GB",
}
# MindSpore accepts these and ignores them.
IGNORED = ("auto_tune_mode", "enable_auto_mixed_precision", "enable_sparse")
CHOICES: dict[str, tuple[Any, ...]] = {
    "mode": (GRAPH_MODE, PYNATIVE_MODE),
    "device_target": ("CPU", "GPU", "Ascend"),
    "deterministic": ("ON", "OFF"),
    "jit_syntax_level": (STRICT, COMPATIBLE, LAX),
    "debug_level": (RELEASE, DEBUG),
    "save_graphs": (0, 1, 2, 3),
    "memory_optimize_level": ("O0", "O1"),
    "exec_order": ("bfs", "dfs"),
}

_settings = dict(DEFAULTS)

__getattr__ = attribute_finder(__name__)


def set_context(**settings: Any) -> None:
    """Store settings. They have no effect: every call runs immediately, on the CPU.

    A setting that would do something in MindSpore is named once in the log of ``fusedstep``, at INFO.

    Args:
        **settings: MindSpore's, such as ``mode``, ``device_target`` and ``jit_config``.

    Raises:
        ValueError: MindSpore has no such setting, or its value is invalid.

    >>> set_context(mode=GRAPH_MODE, device_target="Ascend")
    >>> get_context("device_target")
    'Ascend'
    >>> set_context(device_target="CPU")
    """
    for name, value in settings.items():
        if name not in DEFAULTS and name not in IGNORED:
            raise ValueError(f"set_context: MindSpore has no setting {name}, expected one of {', '.join(DEFAULTS)}")
        if name in CHOICES and value not in CHOICES[name]:
            expected = " or ".join(map(repr, CHOICES[name]))
            raise ValueError(f"set_context: {name} is {value!r}, expected {expected}")
    for name, value in settings.items():
        if name not in ("mode", "device_target") or value not in (PYNATIVE_MODE, "CPU"):
            say_once("set_context", name, f"{name}={value!r} is stored and has no effect")
        if name in DEFAULTS:
            _settings[name] = value


def get_context(attr_key: str) -> Any:
    """The value of a setting.

    Args:
        attr_key: its name.

    Raises:
        ValueError: MindSpore has no such setting.

    >>> get_context("max_call_depth")
    1000
    """
    if attr_key not in _settings:
        raise ValueError(f"get_context: MindSpore has no setting {attr_key!r}, expected one of {', '.join(DEFAULTS)}")
    return _settings[attr_key]


def set_device(device_target: str, device_id: int | None = None) -> None:
    """Store a device. Calls run on the CPU, whatever it is.

    Args:
        device_target: "CPU", "GPU" or "Ascend".
        device_id: its number.

    Raises:
        ValueError: the device is unknown.

    >>> set_device("CPU")
    """
    set_context(device_target=device_target, **({} if device_id is None else {"device_id": device_id}))


def set_deterministic(deterministic: bool) -> None:
    """Store whether calls give the same results again. Here they always do.

    Args:
        deterministic: whether they must.

    Raises:
        TypeError: it is not a bool.
    """
    if type(deterministic) is not bool:
        raise TypeError(f"set_deterministic: deterministic is {deterministic!r}, expected True or False")
    set_context(deterministic="ON" if deterministic else "OFF")


def set_recursion_limit(recursion_limit: int = 1000) -> None:
    """Store how deep calls may be for MindSpore's compiler.

    Args:
        recursion_limit: the limit.
    """
    set_context(max_call_depth=recursion_limit)
