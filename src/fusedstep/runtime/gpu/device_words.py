"""Words of 64 bits on a device, which kernels read: where tensors lie, mostly."""

from typing import Any

import numpy as np

from ...arrays.devices import DeviceLibrary, library_of
from ...codegen.gpu.build import write_words
from .launch_kernel import launch_kernel

# The words that one kernel takes as arguments: 2 KiB of the 4 that every device allows.
WORDS_OF_A_KERNEL = 256


class DeviceWords:
    """Words on a device, copied there only if they differ from those of the last call on the same stream.

    What a launched kernel may still read is never written again: other words are another array.
    """

    def __init__(self) -> None:
        self._last: dict[Any, tuple[bytes, Any]] = {}

    def on_device(self, words: np.ndarray, like: Any) -> Any:
        """An array of int64 with some words, on the device of an array.

        While a graph is captured, kernels write them from their own arguments: each replay does it again.
        """
        library = library_of(like)
        if library.capturing(like):
            return written_by_kernels(library, words, like)
        content, stream = words.tobytes(), library.stream_key(like)
        last = self._last.get(stream)
        if last is None or last[0] != content:
            last = self._last[stream] = content, library.to_device(words, like)
        return last[1]


def written_by_kernels(library: DeviceLibrary, words: np.ndarray, like: Any) -> Any:
    """A new array with some words, which are the arguments of the kernels that write them."""
    flat: list[int] = words.reshape(-1).tolist()
    found = library.empty((len(flat),), "int64", like)
    for start in range(0, len(flat), WORDS_OF_A_KERNEL):
        part = flat[start : start + WORDS_OF_A_KERNEL]
        part += [0] * (WORDS_OF_A_KERNEL - len(part))
        arguments = [found, start, len(flat), *part]
        launch_kernel(library, write_words(WORDS_OF_A_KERNEL), 1, arguments)
    return found
