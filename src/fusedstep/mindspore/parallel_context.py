"""MindSpore's settings of several processes. Here there is one."""

from typing import Any

from .said_once import say_once


class ParallelMode:
    """The names of MindSpore's parallel modes."""

    STAND_ALONE = "stand_alone"
    DATA_PARALLEL = "data_parallel"
    HYBRID_PARALLEL = "hybrid_parallel"
    SEMI_AUTO_PARALLEL = "semi_auto_parallel"
    AUTO_PARALLEL = "auto_parallel"
    MODE_LIST = (STAND_ALONE, DATA_PARALLEL, HYBRID_PARALLEL, SEMI_AUTO_PARALLEL, AUTO_PARALLEL)


# MindSpore's settings and their initial values.
DEFAULTS: dict[str, Any] = {
    "device_num": 1,
    "global_rank": 0,
    "gradients_mean": False,
    "gradient_fp32_sync": True,
    "loss_repeated_mean": True,
    "parallel_mode": ParallelMode.STAND_ALONE,
    "search_mode": "recursive_programming",
    "auto_parallel_search_mode": "recursive_programming",
    "parameter_broadcast": False,
    "strategy_ckpt_load_file": "",
    "strategy_ckpt_save_file": "",
    "group_ckpt_save_file": "",
    "full_batch": False,
    "dataset_strategy": "data_parallel",
    "enable_parallel_optimizer": False,
    "parallel_optimizer_config": {},
    "force_fp32_communication": False,
    "enable_alltoall": False,
    "all_reduce_fusion_config": [],
    "pipeline_stages": 1,
    "pipeline_config": {},
    "pipeline_result_broadcast": False,
    "auto_pipeline": False,
    "comm_fusion": {},
    "strategy_ckpt_config": {},
    "dump_local_norm": False,
    "dump_local_norm_path": "",
    "dump_device_local_norm": False,
}
NUMBERS = {"device_num": 1, "global_rank": 0, "pipeline_stages": 1}

_settings = dict(DEFAULTS)


def set_auto_parallel_context(**settings: Any) -> None:
    """Store settings of several processes. They have no effect: there is one process, on one device.

    Each is named once in the log of ``fusedstep``, at INFO. As in one process of MindSpore, "data_parallel" is the
    same as "stand_alone".

    Args:
        **settings: MindSpore's, such as ``parallel_mode`` and ``gradients_mean``.

    Raises:
        ValueError: MindSpore has no such setting, or its value is invalid.
        TypeError: a value has another type than MindSpore's.
        NotImplementedError: it shares parameters out over processes.

    >>> set_auto_parallel_context(parallel_mode=ParallelMode.STAND_ALONE, gradients_mean=True)
    >>> get_auto_parallel_context("gradients_mean")
    True
    >>> reset_auto_parallel_context()
    """
    for name, value in settings.items():
        check(name, value)
    refuse_processes({**_settings, **settings})
    for name, value in settings.items():
        if value != DEFAULTS[name]:
            what = f"{name}={value!r} is stored and has no effect in one process"
            say_once("set_auto_parallel_context", name, what)
        _settings[name] = value


def get_auto_parallel_context(attr_key: str) -> Any:
    """The value of a setting of several processes.

    Args:
        attr_key: its name.

    Raises:
        ValueError: MindSpore has no such setting.

    >>> get_auto_parallel_context("parallel_mode")
    'stand_alone'
    """
    if attr_key not in _settings:
        raise ValueError(unknown("get_auto_parallel_context", attr_key))
    return _settings[attr_key]


def reset_auto_parallel_context() -> None:
    """Store the initial values of all settings of several processes."""
    _settings.update(DEFAULTS)


def check(name: str, value: Any) -> None:
    """Check one setting, as MindSpore does.

    Raises:
        ValueError: MindSpore has no such setting, or its value is invalid.
        TypeError: the value has another type than MindSpore's.
    """
    if name not in DEFAULTS:
        raise ValueError(unknown("set_auto_parallel_context", name))
    # A strategy of data sets is a name or tuples.
    kind = (str, tuple) if name == "dataset_strategy" else type(DEFAULTS[name])
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        expected = "a str or a tuple" if name == "dataset_strategy" else f"of type {type(DEFAULTS[name]).__name__}"
        raise TypeError(f"set_auto_parallel_context: {name} is {value!r}, expected {expected}")
    if name == "parallel_mode" and value not in ParallelMode.MODE_LIST:
        expected = " or ".join(map(repr, ParallelMode.MODE_LIST))
        raise ValueError(f"set_auto_parallel_context: parallel_mode is {value!r}, expected {expected}")
    if isinstance(value, int) and value < NUMBERS.get(name, value):
        raise ValueError(f"set_auto_parallel_context: {name} is {value}, expected {NUMBERS[name]} or more")


def refuse_processes(settings: dict[str, Any]) -> None:
    """Refuse what needs several processes.

    Raises:
        NotImplementedError: it shares parameters or data out over processes.
    """
    mode, devices = settings["parallel_mode"], settings["device_num"]
    one = "fusedstep's optimizers run in one process, each on all of its parameters"
    if mode == ParallelMode.DATA_PARALLEL and devices > 1:
        raise NotImplementedError(
            f"set_auto_parallel_context: parallel_mode is {mode!r} with device_num={devices}: {one}; "
            "expected 'stand_alone', or one device"
        )
    if mode not in (ParallelMode.STAND_ALONE, ParallelMode.DATA_PARALLEL):
        raise NotImplementedError(
            f"set_auto_parallel_context: parallel_mode is {mode!r}: {one}; expected 'stand_alone'"
        )
    if settings["enable_parallel_optimizer"]:
        raise NotImplementedError(
            f"set_auto_parallel_context: enable_parallel_optimizer is True: {one}; expected False"
        )


def unknown(caller: str, name: str) -> str:
    """The text of an error."""
    return f"{caller}: MindSpore has no setting {name!r}, expected one of {', '.join(DEFAULTS)}"
