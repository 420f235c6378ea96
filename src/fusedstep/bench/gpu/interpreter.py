"""Triton's interpreter, which takes the CPU for a device: what it gets wrong, mended from outside."""

from typing import Any

import numpy as np


def mend() -> None:
    """Mends and hastens the interpreter of Triton 3.6 to 3.9; doing so twice does it once."""
    from triton.runtime import interpreter

    Function = interpreter.InterpretedFunction  # noqa: N806 - a class
    call = getattr(Function, "unhastened", Function.__call__)

    def create_splat(builder: Any, kind: Any, scalar: Any) -> Any:
        # The truth of one comparison is spread over a tile as a truth, not as a number of the compared type.
        data = np.full(kind.shape, scalar.data.reshape(-1)[0], scalar.data.dtype)
        return interpreter.TensorHandle(data, scalar.dtype.scalar)

    def hastened(function: Any, *arguments: Any, **named: Any) -> Any:
        # Our own functions see the language as their kernel does, which has patched it; that takes most of the time.
        if "tl" not in function.fn.__globals__:
            return call(function, *arguments, **named)
        return function.rewrite()(*arguments, **named)

    def patch_tensor(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        # NumPy 2.5 takes no array of one element for a number.
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    patch = getattr(Function, "unpatched", interpreter._patch_lang_tensor)
    Function.unpatched, interpreter._patch_lang_tensor = staticmethod(patch), patch_tensor
    interpreter.InterpreterBuilder.create_splat = create_splat
    Function.unhastened, Function.__call__ = call, hastened
