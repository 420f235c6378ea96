"""C programs that call exported functions, for this machine and, in an emulator, for others."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.cli.export import described_header, switched, types_of
from fusedstep.codegen.cpu.c_header import TYPES
from fusedstep.codegen.cpu.compiler import host
from fusedstep.codegen.cpu.exported import exported_code
from fusedstep.codegen.cpu.exported_arguments import Exported, extents_of
from fusedstep.codegen.cpu.targets import processor_of
from fusedstep.codegen.rule.program import Program, ReductionScope
from tests import reference


class Target(NamedTuple):
    """A kind of machine that programs are made for.

    Attributes:
        triple: LLVM's name of it.
        cc: its C compiler.
        emulator: what runs its programs.
        big_endian: whether the first byte of a number is its highest.
    """

    triple: str
    cc: str
    emulator: str
    big_endian: bool = False

    def bytes_of(self, array: np.ndarray) -> bytes:
        """An array as it lies in the machine's memory."""
        whole = array.view(f"u{array.itemsize}")
        return (whole.byteswap() if self.big_endian else whole).tobytes()

    def array_from(self, written: bytes, like: np.ndarray, offset: int) -> np.ndarray:
        """An array of the machine's memory, of the type and shape of another."""
        whole = np.frombuffer(written, f"u{like.itemsize}", like.size, offset)
        return (whole.byteswap() if self.big_endian else whole).view(like.dtype).reshape(like.shape)

    def skip_unless_installed(self) -> None:
        """Skips the test where programs cannot be linked or run."""
        for needed in filter(None, (self.cc, self.emulator)):
            if not shutil.which(needed):
                pytest.skip(f"{needed} is not installed (CONTRIBUTING.md says what to install)")

    def command(self, folder: Path, *given: str) -> list[str]:
        """Links a program from C and object files in a folder, and says how it is run."""
        strict = ["-Wall", "-Wextra", "-Wno-sign-compare", "-Werror", "-I."]
        command = [self.cc, *strict, *["-static"] * bool(self.emulator), "-o", "program", *given, "-lm"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return [*([self.emulator] if self.emulator else []), str(folder / "program")]


def installed(name: str, big_endian: bool = False) -> Target:
    """A target under Linux, of GNU's compiler and QEMU's emulator of a name."""
    called = {"ppc64le": "powerpc64le"}.get(name, name)
    return Target(f"{called}-linux-gnu", f"{called}-linux-gnu-gcc", f"qemu-{name}-static", big_endian)


TARGETS = {"host": Target(host().triple, "cc", "")} | {name: installed(name) for name in ("aarch64", "riscv64")}
# Those that are tested when all is.
ALL_TARGETS = TARGETS | {"ppc64le": installed("ppc64le"), "s390x": installed("s390x", big_endian=True)}
GUARD = 64

PROGRAM = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
{includes}
static void *taken(int64_t count, size_t item) {{
    char *memory = malloc(count * item + {guard});
    if (fread(memory, 1, count * item, stdin) != count * item) exit(3);
    memset(memory + count * item, 0xa5, {guard});
    return memory;
}}
static void given(void *memory, int64_t count, size_t item) {{
    fwrite(memory, 1, count * item + {guard}, stdout);
    free(memory);
}}
{functions}
int main(void) {{
{calls}
    return 0;
}}
"""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A rule with its switches set, in some storage types, on arrays of some shapes.

    Attributes:
        rule: the rule.
        scalars, switches: what it is called with.
        dtypes: the storage type of all states, or of each.
        symbol: what the function is called.
        shapes: of the variable.
        positive: the states that are not negative.
        special: whether infinities, NaN and tiny numbers are among the elements.
        gradient: the storage type of the gradient, by default the first state's.
        features: instructions of the processor.
    """

    rule: Callable[..., Any]
    scalars: dict[str, float]
    switches: dict[str, bool]
    dtypes: tuple[str, ...]
    symbol: str
    shapes: Sequence[Shape]
    positive: frozenset[str] = frozenset()
    special: bool = True
    gradient: str | None = None
    features: str = ""

    @cached_property
    def program(self) -> Program:
        return switched(self.rule, self.switches)

    @cached_property
    def storages(self) -> list[str]:
        """Of the states and of the gradient."""
        states, gradient = types_of(self.program, list(self.dtypes), self.gradient)
        return [*states, gradient]

    def write(self, folder: Path, triple: str) -> None:
        """The object file and the header."""
        *states, gradient = self.storages
        processor = processor_of(triple, "", self.features)
        exported = Exported(self.program, tuple(states), gradient, self.symbol, processor)
        (folder / f"{self.symbol}.o").write_bytes(exported_code(exported))
        (folder / f"{self.symbol}.h").write_text(described_header(self.rule, exported), encoding="utf-8")

    def function(self) -> str:
        """C that reads the arrays of a call, makes it, and writes the states."""
        names, extents = [f"a{k}" for k in range(len(self.storages))], extents_of(self.program)
        known = self.program.signature.defaults | self.scalars
        scalars = [repr(float(known[name])) for name in self.program.signature.scalars]
        declared = ", ".join(f"int64_t {each}" for each in (*extents, *(f"{name}_size" for name in names)))
        kinds = [TYPES[storage] for storage in self.storages]
        lines = [
            f"{kind} *{name} = taken({name}_size, sizeof(*{name}));" for kind, name in zip(kinds, names, strict=True)
        ]
        scratch = ["a_workspace"] if self.program.reduction_scope == ReductionScope.TENSOR else []
        if scratch:
            lines += [f"int64_t doubles = {self.symbol}_workspace({', '.join(extents)});"]
            lines += [f"char *a_workspace = malloc(8 * doubles + {GUARD});"]
            lines += [f"memset(a_workspace, 0xff, 8 * doubles + {GUARD});"]
        passed = [*names, *extents, *[f"(double *){each}" for each in scratch], *scalars]
        lines += [f"{self.symbol}({', '.join(passed)});"]
        if scratch:
            lines += [f"for (int k = 0; k < {GUARD}; k++) if (a_workspace[8 * doubles + k] != (char)0xff) exit(4);"]
            lines += ["free(a_workspace);"]
        lines += [f"given({name}, {name}_size, sizeof(*{name}));" for name in names]
        return "\n    ".join([f"static void call_{self.symbol}({declared}) {{", *lines]) + "\n}"

    def call(self, shape: Shape) -> str:
        """C that makes the call on arrays of a shape."""
        numbers = [
            *self.extents(shape),
            *(int(np.prod(each)) for each in self.state_shapes(shape)),
            int(np.prod(shape)),
        ]
        return f"    call_{self.symbol}({', '.join(map(str, numbers))});"

    def extents(self, shape: Shape) -> list[int]:
        """How large a variable of a shape is, as the function takes it."""
        names = extents_of(self.program)
        if len(names) == 1:
            return [int(np.prod(shape))]
        if len(names) == 2:
            return [shape[0], int(np.prod(shape[1:]))]
        return [int(np.prod(shape[:-2])), *shape[-2:]]

    def state_shapes(self, shape: Shape) -> list[Shape]:
        """The shapes of the states that are used."""
        matrices = len(extents_of(self.program)) == 3
        own = {
            "element": shape,
            "row": shape[:-1] if matrices else shape[:1],
            "column": (*shape[:-2], *shape[-1:]),
        }
        return [own[kind] for kind in self.program.kinds]

    def arrays(self, shape: Shape) -> list[np.ndarray]:
        """The states that are used and the gradient."""
        random = np.random.default_rng(sum(shape))
        arrays = []
        shapes, names = [*self.state_shapes(shape), shape], [*self.program.signature.states, ""]
        for place, (own, name, storage) in enumerate(zip(shapes, names, self.storages, strict=True)):
            values = random.standard_normal(own)
            if self.special:
                put_special(values.reshape(-1), storage, place)
            arrays.append((np.abs(values) if name in self.positive else values).astype(reference.DTYPES[storage]))
        return arrays

    def stepped(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The same arrays after the step of an operator."""
        known = dict(zip([*self.program.signature.states, "grad"], (each.copy() for each in arrays), strict=True))
        operator = fs.Operator(self.rule, **self.switches)
        states = {name: known.get(name) for name in operator.signature.states}
        operator(*states.values(), known["grad"], **self.scalars)
        return list(known.values())


def put_special(values: np.ndarray, storage: str, place: int) -> None:
    """Puts what is special into some of the places."""
    tiny = float(np.finfo("float16" if storage == "float16" else "float32").tiny)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny / 8, -tiny / 4])
    chosen = slice(place, None, len(special) + place)
    values[chosen] = np.resize(special, values[chosen].size)


def linked(target: Target, given: Sequence[Case], folder: Path) -> list[str]:
    """A program that makes the calls of all cases, and how it is run."""
    target.skip_unless_installed()
    for case in given:
        case.write(folder, target.triple)
    text = PROGRAM.format(
        includes="\n".join(f'#include "{case.symbol}.h"' for case in given),
        functions="\n".join(case.function() for case in given),
        calls="\n".join(case.call(shape) for case in given for shape in case.shapes),
        guard=GUARD,
    )
    (folder / "main.c").write_text(text)
    return target.command(folder, "main.c", *(f"{case.symbol}.o" for case in given))


def same_bits(case: Case, before: list[np.ndarray], after: list[np.ndarray], what: str) -> None:
    """The arrays are what the operator makes of them here."""
    for number, (got, want) in enumerate(zip(after, case.stepped(before), strict=True)):
        reference.assert_same_bits(got, want, f"{what}, array {number}")


Judge = Callable[[Case, list[np.ndarray], list[np.ndarray], str], None]


def check(target: str, given: Sequence[Case], folder: Path, judge: Judge = same_bits) -> None:
    """Every case computes what it should, and writes nothing behind its arrays."""
    machine = ALL_TARGETS[target]
    command = linked(machine, given, folder)
    calls = [(case, shape, case.arrays(shape)) for case in given for shape in case.shapes]
    read = b"".join(machine.bytes_of(array) for _, _, arrays in calls for array in arrays)
    written = subprocess.run(command, input=read, capture_output=True, check=True).stdout
    offset = 0
    for case, shape, arrays in calls:
        after = []
        for array in arrays:
            after.append(machine.array_from(written, array, offset))
            offset += array.nbytes + GUARD
            assert written[offset - GUARD : offset] == b"\xa5" * GUARD
        judge(case, arrays, after, f"{case.symbol} on {shape}")
    assert offset == len(written)
