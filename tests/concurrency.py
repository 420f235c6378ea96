"""The battery's calls from several threads and processes at once. Run as a script: a failure may hang or crash.

``python -m tests.concurrency <operator's label> <case id>...`` prints "right" if all went as the cases say.
"""

import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import fusedstep as fs
from fusedstep.runtime.cpu import parts
from tests import reference
from tests.battery_calls import CASES, Call, build
from tests.battery_settings import SETTINGS, Setting
from tests.forked import in_child

THREADS, CALLS, SECONDS = 8, 40, 20


def serial(case: dict[str, Any], setting: Setting, count: int) -> list[np.ndarray]:
    """The states after some calls one after another, by the rule."""
    call = build(case, setting)
    for _ in range(count):
        for role, state in zip(call.states, call.expected(), strict=True):
            call.arrays[role][...] = state
    return [call.arrays[role] for role in call.states]


def check(call: Call, case: dict[str, Any], count: int) -> None:
    for role, want in zip(call.states, serial(case, call.setting, count), strict=True):
        reference.assert_same_bits(call.arrays[role], want, role)


def in_threads(work: Callable[[int], None], count: int = THREADS) -> None:
    """Runs work in threads that start together; what they raise is raised here."""
    together, errors = threading.Barrier(count), []

    def begin(number: int) -> None:
        together.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


def repeat(call: Call, count: int = CALLS) -> None:
    for _ in range(count):
        call.make()


def threads_same_locked(case: dict[str, Any], setting: Setting) -> None:
    call = build(case, setting)
    in_threads(lambda _: repeat(call))
    check(call, case, THREADS * CALLS)


def threads_same(case: dict[str, Any], setting: Setting) -> None:
    call = build(case, setting)
    rest = dict(call.memory(tuple(call.states)))
    in_threads(lambda _: repeat(call))
    assert dict(call.memory(tuple(call.states))) == rest


def threads_apart(case: dict[str, Any], setting: Setting) -> None:
    calls = [build(case, setting) for _ in range(THREADS)]
    in_threads(lambda number: repeat(calls[number]))
    for call in calls:
        check(call, case, CALLS)


def called_once(case: dict[str, Any], setting: Setting) -> None:
    call = build(case, setting)
    call.make()
    check(call, case, 1)


def fork_after_call(case: dict[str, Any], setting: Setting) -> None:
    called_once(case, setting)
    in_child(lambda: called_once(case, setting), SECONDS)
    called_once(case, setting)


def fork_during_calls(case: dict[str, Any], setting: Setting) -> None:
    over = threading.Event()
    call = build(case, setting)
    call.make()

    def keep_calling(number: int) -> None:
        if number == 0:
            try:
                for _ in range(20):
                    in_child(lambda: called_once(case, setting), SECONDS)
            finally:
                over.set()
        while not over.is_set():
            call.make()

    in_threads(keep_calling, 5)


def toctou_indices(case: dict[str, Any], setting: Setting) -> None:
    # Many indices, so that there is time to change them, of the type that needs no conversion; and another process to
    # do so, which waits for no lock of ours.
    many = {"indices": {"shape": [4000], "dtype": "int64", "fill": "zeros"}}
    many["grad"] = {"shape": [4000, 4], "dtype": "float32", "fill": "normal", "seed": 4}
    call = build(case | {"args": many}, setting)
    shared = np.frombuffer(mmap.mmap(-1, 8 * 4000), np.int64)
    call.given["indices"] = shared
    call.make()
    before = {role: array.copy() for role, array in call.arrays.items()}
    rest = dict(call.memory(tuple(call.states)))
    refused = done = 0
    writer = os.fork()
    while writer == 0:
        shared[...] = 2**30
        shared[...] = 0
    try:
        start = time.monotonic()
        while time.monotonic() < start + 2 or not (refused and done):
            assert time.monotonic() < start + SECONDS, f"{refused} calls refused, {done} done"
            try:
                call.make()
                done += 1
            except IndexError:
                refused += 1
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert dict(call.memory(tuple(call.states))) == rest
    if call.setting.entry.rows == "touched":
        for role in call.states:
            reference.assert_same_bits(call.arrays[role][1:], before[role][1:], role)


def main(label: str, *ids: str) -> None:
    setting = next(setting for setting in SETTINGS if setting.label == label)
    # Several threads in every call, however small: what helpers leave behind is what fork has to deal with.
    assert parts.ELEMENTS_PER_THREAD > 1
    parts.ELEMENTS_PER_THREAD = 1
    fs.set_num_threads(3)
    for case in (case for name in ids for case in CASES if case["id"] == name):
        print(case["id"], case["mode"], file=sys.stderr, flush=True)
        globals()[case["mode"]](case, setting)
    print("right")


if __name__ == "__main__":
    # On fork() in a process with threads Python warns; that it works nevertheless is what is tested.
    import warnings

    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    main(*sys.argv[1:])
