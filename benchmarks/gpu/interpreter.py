"""Triton's interpreter, which runs kernels on the CPU: corrections from outside."""

from typing import Any

import numpy as np


def mend() -> None:
    """Correct the interpreter of Triton 3.6 to 3.9 and make it faster; a second call changes nothing."""
    from triton.runtime import interpreter

    Function = interpreter.InterpretedFunction  # noqa: N806 - a class
    call = getattr(Function, "unhastened", Function.__call__)

    def create_splat(builder: Any, kind: Any, scalar: Any) -> Any:
        # The result of a scalar comparison is broadcast as a truth value, not in the type of the operands.
        data = np.full(kind.shape, scalar.data.reshape(-1)[0], scalar.data.dtype)
        return interpreter.TensorHandle(data, scalar.dtype.scalar)

    def hastened(function: Any, *arguments: Any, **named: Any) -> Any:
        # The kernel has patched the language for its functions already; doing so again takes most of the time.
        if "tl" not in function.fn.__globals__:
            return call(function, *arguments, **named)
        return function.rewrite()(*arguments, **named)

    def patch_tensor(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        # NumPy 2.5 does not convert arrays of one element to integers.
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    patch = getattr(Function, "unpatched", interpreter._patch_lang_tensor)
    Function.unpatched, interpreter._patch_lang_tensor = staticmethod(patch), patch_tensor
    interpreter.InterpreterBuilder.create_splat = create_splat
    Function.unhastened, Function.__call__ = call, hastened
