"""MindSpore's settings. All calls here run immediately on the CPU, whatever the settings."""

from typing import Any

GRAPH_MODE = 0
PYNATIVE_MODE = 1

_ACCEPTED: dict[str, tuple[Any, ...]] = {"mode": (GRAPH_MODE, PYNATIVE_MODE), "device_target": ("CPU",)}
_settings: dict[str, Any] = {"mode": PYNATIVE_MODE, "device_target": "CPU"}


def set_context(**settings: Any) -> None:
    """Store a mode and a device. Both modes run calls immediately, and the only device is the CPU.

    Args:
        **settings: ``mode`` and ``device_target``.

    Raises:
        ValueError: a setting or its value is unknown.

    >>> set_context(mode=GRAPH_MODE, device_target="CPU")
    """
    for name, value in settings.items():
        if name not in _ACCEPTED:
            raise ValueError(f"set_context: {name} is not supported, expected {' or '.join(_ACCEPTED)}; leave it out")
        if value not in _ACCEPTED[name]:
            expected = " or ".join(map(repr, _ACCEPTED[name]))
            raise ValueError(f"set_context: {name} is {value!r}, expected {expected}")
    _settings.update(settings)


def get_context(attr_key: str) -> Any:
    """The value of a setting.

    Args:
        attr_key: its name.

    Raises:
        ValueError: the setting is unknown.

    >>> get_context("device_target")
    'CPU'
    """
    if attr_key not in _settings:
        raise ValueError(f"get_context: {attr_key!r} is not supported, expected {' or '.join(_ACCEPTED)}")
    return _settings[attr_key]


def set_device(device_target: str) -> None:
    """Select the device, which must be the CPU.

    Args:
        device_target: "CPU".

    Raises:
        ValueError: the device is not the CPU.

    >>> set_device("CPU")
    """
    set_context(device_target=device_target)
