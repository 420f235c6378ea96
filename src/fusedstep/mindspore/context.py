"""The settings that programs for MindSpore make first; here all run on the CPU, at once."""

from typing import Any

GRAPH_MODE = 0
PYNATIVE_MODE = 1

_ACCEPTED: dict[str, tuple[Any, ...]] = {"mode": (GRAPH_MODE, PYNATIVE_MODE), "device_target": ("CPU",)}
_settings: dict[str, Any] = {"mode": PYNATIVE_MODE, "device_target": "CPU"}


def set_context(**settings: Any) -> None:
    """Takes note of a mode, either of which runs calls at once, and of the CPU as the device.

    Args:
        **settings: ``mode`` and ``device_target``.

    Raises:
        ValueError: a setting is not known, or has another value.

    >>> set_context(mode=GRAPH_MODE, device_target="CPU")
    """
    for name, value in settings.items():
        if name not in _ACCEPTED:
            raise ValueError(f"set_context: {name} is no setting here, expected {' or '.join(_ACCEPTED)}; leave it out")
        if value not in _ACCEPTED[name]:
            expected = " or ".join(map(repr, _ACCEPTED[name]))
            raise ValueError(f"set_context: {name} is {value!r}, expected {expected}")
    _settings.update(settings)


def get_context(attr_key: str) -> Any:
    """A setting.

    Args:
        attr_key: its name.

    Raises:
        ValueError: it is not known.

    >>> get_context("device_target")
    'CPU'
    """
    if attr_key not in _settings:
        raise ValueError(f"get_context: {attr_key!r} is no setting here, expected {' or '.join(_ACCEPTED)}")
    return _settings[attr_key]


def set_device(device_target: str) -> None:
    """Takes note of the CPU as the device.

    Args:
        device_target: "CPU".

    Raises:
        ValueError: it is another device.

    >>> set_device("CPU")
    """
    set_context(device_target=device_target)
