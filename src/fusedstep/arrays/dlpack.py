"""The C exchange API of DLPack, by which native code asks arrays where they lie.

A class of arrays has it as a capsule, ``__dlpack_c_exchange_api__``: a table of functions that need the interpreter's
lock. See https://dmlc.github.io/dlpack/latest/c_api.html.
"""

import ctypes
import sys
from functools import cache
from typing import Any, NamedTuple

ATTRIBUTE, CAPSULE, MAJOR = "__dlpack_c_exchange_api__", b"dlpack_exchange_api", 1
# DLPack's numbers of kinds of types, and that of the CPU among kinds of devices.
FLOAT, BFLOAT = 2, 4
CPU = 1


class Version(ctypes.Structure):
    """``DLPackVersion``."""

    _fields_ = (("major", ctypes.c_uint32), ("minor", ctypes.c_uint32))


class ExchangeAPI(ctypes.Structure):
    """``DLPackExchangeAPI``."""

    _fields_ = (
        ("version", Version),
        ("previous", ctypes.c_void_p),
        ("managed_tensor_allocator", ctypes.c_void_p),
        ("managed_tensor_from_py_object_no_sync", ctypes.c_void_p),
        ("managed_tensor_to_py_object_no_sync", ctypes.c_void_p),
        ("dltensor_from_py_object_no_sync", ctypes.c_void_p),
        ("current_work_stream", ctypes.c_void_p),
    )


class Functions(NamedTuple):
    """The addresses of what native code calls: see ``loops/cpu/read_tensors.py``."""

    describe: int
    item_of: int
    as_integer: int
    forget_error: int


@cache
def functions_of(array_type: Any) -> Functions | None:
    """The functions for a class of arrays; None where it, or this Python, has none."""
    capsule = getattr(array_type, ATTRIBUTE, None)
    if capsule is None or sys.implementation.name != "cpython":
        return None
    # A prototype of our own: those of ``ctypes.pythonapi`` belong to all.
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    get_pointer = kind(("PyCapsule_GetPointer", ctypes.pythonapi))
    try:
        at = get_pointer(capsule, CAPSULE)
    except ValueError:
        return None
    while at:
        api = ExchangeAPI.from_address(at)
        if api.version.major == MAJOR:
            describe = api.dltensor_from_py_object_no_sync
            return Functions(describe, *map(python_function, PYTHON)) if describe else None
        # Those of earlier versions are linked from it.
        at = api.previous
    return None


PYTHON = ("PyList_GetItem", "PyLong_AsLongLong", "PyErr_Clear")


def python_function(name: str) -> int:
    """The address of a function of Python's C API."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


def type_word(storage: str, bits: int) -> int:
    """``DLDataType`` of a storage type, as one number."""
    return (BFLOAT if storage == "bfloat16" else FLOAT) | bits << 8 | 1 << 16


def device_word(array: Any) -> int:
    """``DLDevice`` of an array, as one number.

    Raises:
        Exception: DLPack does not know the device.
    """
    kind, number = array.__dlpack_device__()
    return int(kind) | int(number) << 32
