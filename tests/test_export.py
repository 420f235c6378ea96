"""Exported functions: linked into C programs for this machine and, in an emulator, for others; the host's bits."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.cli.c_header import TYPES, header
from fusedstep.cli.export import switched, types_of
from fusedstep.cli.main import main
from fusedstep.codegen.cpu import compiler
from fusedstep.codegen.cpu.compiler import host
from fusedstep.codegen.cpu.exported import exported_code, exported_text
from fusedstep.codegen.cpu.targets import NEEDED, processor_of
from fusedstep.codegen.program import Program

from . import reference
from .instruction_sets import EXACT
from .test_rules import Row

# Of each: LLVM's triple, the compiler, and what runs its programs.
TARGETS = {
    "host": (host().triple, "cc", ""),
    "aarch64": ("aarch64-linux-gnu", "aarch64-linux-gnu-gcc", "qemu-aarch64-static"),
    "riscv64": ("riscv64-linux-gnu", "riscv64-linux-gnu-gcc", "qemu-riscv64-static"),
}
SIZES, GUARD = (0, 1, 7, 33, 130), 64
SHORT = ["exact_words-float64", "exact_words-float32", "exact_words-float16", "exact_words-bfloat16"]
SHORT += ["adam-float32", "adam-float16", "adagrad-float64", "proximal_adagrad-bfloat16", "lion-float32"]
SHORT += ["torch_sgd-float16", "rmsprop-float32", "adadelta-float64"]

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


@dataclass(frozen=True)
class Case:
    """A rule with its switches set, in one storage type."""

    row: Row
    switches: dict[str, bool]
    dtype: str
    symbol: str

    @property
    def program(self) -> Program:
        return switched(self.row.rule, self.switches)

    def write(self, folder: Path, triple: str) -> None:
        """The object file and the header."""
        program, processor = self.program, processor_of(triple)
        storages, gradient = types_of(program, [self.dtype], None)
        arguments = program, storages, gradient, self.symbol, processor
        (folder / f"{self.symbol}.o").write_bytes(exported_code(*arguments))
        (folder / f"{self.symbol}.h").write_text(header(self.row.rule, *arguments), encoding="utf-8")

    def function(self) -> str:
        """C that reads the arrays of a call, makes it, and writes the states."""
        kind, states = TYPES[self.dtype], self.program.signature.states
        names = [f"a{k}" for k in range(len(states) + 1)]
        scalars = [repr(self.row.scalars[name]) for name in self.program.signature.scalars]
        lines = [f"{kind} *{name} = taken(count, sizeof(*{name}));" for name in names]
        lines += [f"{self.symbol}({', '.join([*names, 'count', *scalars])});"]
        lines += [f"given({name}, count, sizeof(*{name}));" for name in names]
        return "\n    ".join([f"static void call_{self.symbol}(int64_t count) {{", *lines]) + "\n}"

    def arrays(self, size: int) -> list[np.ndarray]:
        """The states that are used and the gradient, with what is special in some of their places."""
        dtype, random = reference.DTYPES[self.dtype], np.random.default_rng(size)
        tiny = float(np.finfo("float16" if self.dtype == "float16" else "float32").tiny)
        special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny / 8, -tiny / 4])
        arrays = []
        for place, name in enumerate([*self.program.signature.states, ""]):
            values = random.standard_normal(size)
            values[place :: len(special) + place] = np.resize(special, values[place :: len(special) + place].size)
            arrays.append((np.abs(values) if name in self.row.positive else values).astype(dtype))
        return arrays

    def stepped(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The same arrays after the step of an operator."""
        known = dict(zip([*self.program.signature.states, "grad"], (each.copy() for each in arrays), strict=True))
        states = {name: known.get(name) for name in self.row.states}
        fs.Operator(self.row.rule, **self.switches)(*states.values(), known["grad"], **self.row.scalars)
        return list(known.values())


def cases(names: list[str]) -> list[Case]:
    """The cases of some rules and types; of all, with every setting of their switches, where none are named."""
    found = []
    for name, row in EXACT.items():
        for dtype in reference.DTYPES:
            if names and f"{name}-{dtype}" not in names:
                continue
            for number, switches in enumerate(row.settings[:1] if names else row.settings):
                found.append(Case(row, switches, dtype, f"{name}_{dtype}_{number}"))
    return found


def linked(target: str, given: list[Case], folder: Path) -> list[str]:
    """A program that makes the calls of all cases, and how it is run; skips what cannot be linked or run here."""
    triple, cc, emulator = TARGETS[target]
    for needed in filter(None, (cc, emulator)):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed (CONTRIBUTING.md says what to install)")
    for case in given:
        case.write(folder, triple)
    text = PROGRAM.format(
        includes="\n".join(f'#include "{case.symbol}.h"' for case in given),
        functions="\n".join(case.function() for case in given),
        calls="\n".join(f"    call_{case.symbol}({size});" for case in given for size in SIZES),
        guard=GUARD,
    )
    (folder / "main.c").write_text(text)
    objects = [f"{case.symbol}.o" for case in given]
    static = ["-static"] if emulator else []
    command = [cc, "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror", *static, "-o", "program", "main.c", *objects]
    ended = subprocess.run([*command, "-lm"], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [*([emulator] if emulator else []), str(folder / "program")]


def check(target: str, given: list[Case], folder: Path) -> None:
    """Every case computes what the operator computes here, and writes nothing behind its arrays."""
    command = linked(target, given, folder)
    calls = [(case, size, case.arrays(size)) for case in given for size in SIZES]
    read = b"".join(array.tobytes() for _, _, arrays in calls for array in arrays)
    written = subprocess.run(command, input=read, capture_output=True, check=True).stdout
    offset = 0
    for case, size, arrays in calls:
        for number, want in enumerate(case.stepped(arrays)):
            got = np.frombuffer(written, want.dtype, size, offset)
            reference.assert_same_bits(got, want, f"{case.symbol}, {size} elements, array {number}")
            offset += want.nbytes + GUARD
            assert written[offset - GUARD : offset] == b"\xa5" * GUARD
    assert offset == len(written)


@pytest.mark.parametrize("target", TARGETS)
def test_the_bits_of_the_operator(target: str, tmp_path: Path) -> None:
    given = cases(SHORT)
    assert len(given) == len(SHORT)
    check(target, given, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", TARGETS)
def test_the_bits_of_every_exact_rule(target: str, tmp_path: Path) -> None:
    check(target, cases([]), tmp_path)


@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("architecture", NEEDED)
def test_nothing_is_fused_nor_left_to_a_library(architecture: str, dtype: str) -> None:
    processor, program = processor_of(f"{architecture}-linux-gnu"), switched(fs.rules.adam, {})
    text = exported_text(program, [dtype] * 3, dtype, "step", processor).text
    written = compiler.assembly(text, processor).lower()
    for word in ("fmadd", "fmla", "fmsub", "fnm", "xvmadd", "xsmadd", "madb", "maeb", "hfsf2", "sfhf2", "rsqrt"):
        assert word not in written, word


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["export", *words])
    assert left.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    return error


def test_what_cannot_be_exported_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    at = ("--output", str(tmp_path))
    assert "is no operator and no rule; close to it: " in refused(capsys, "adamm", *at)
    assert "expected a rule; its rule: adam" in refused(capsys, "FusedSparseAdam", *at)
    assert "no known target; expected a triple such as" in refused(capsys, "adam", "--target", "abacus", *at)
    assert "LLVM says" in refused(capsys, "adam", "--target", "riscv64-linux-gnu", "--cpu", "abacus", *at)
    assert "invalid choice" in refused(capsys, "adam", "--states", "int8", *at)
    assert "give one for all, or one for each" in refused(capsys, "adam", "--states", "float32", "float16", *at)
    assert "float64 stands beside no other" in refused(capsys, "lion", "--states", "float32", "float64", *at)
    assert "it is float16 or float32" in refused(capsys, "lion", "--states", "float16", "--gradient", "bfloat16", *at)
    assert "has no such switch" in refused(capsys, "adam", "--switch", "sideways=true", *at)
    assert "expected NAME=true" in refused(capsys, "adam", "--switch", "nesterov=1", *at)
    assert "no digit first" in refused(capsys, "adam", "--name", "1st", *at)
    assert "expected a folder" in refused(capsys, "adam", "--output", str(file))
    assert "adds up rows or more" in refused(capsys, "lamb", *at)
    assert "is no file" in refused(capsys, f"{tmp_path / 'none.py'}:rule", *at)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_rule_of_ones_own_in_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = 'def own(var, new, grad, *, λ, double, count=1.0):\n    """Own */ rule."""\n    return var - λ * grad, new\n'
    (tmp_path / "rules.py").write_text(text, encoding="utf-8")
    assert main(["export", f"{tmp_path / 'rules.py'}:own", "--output", str(tmp_path), "--name", "step"]) == 0
    assert "bytes of code" in capsys.readouterr().out
    written = (tmp_path / "step.h").read_text(encoding="utf-8")
    assert "own: Own * / rule." in written
    assert "void step(float *var, const float *grad, int64_t count, double _, double double_," in written
    assert "has no function 'other'; its functions: own" in refused(capsys, f"{tmp_path / 'rules.py'}:other")


@pytest.mark.skipif(not shutil.which("c++"), reason="no compiler of C++")
def test_a_header_is_one_of_cpp_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fusedstep", "export", "adam", "--states", "bfloat16", "float32", "float16"]
    subprocess.run([*command, "--output", str(tmp_path)], check=True, capture_output=True)
    text = '#include "fusedstep_adam.h"\n#include "fusedstep_adam.h"\nauto step = fusedstep_adam;\n'
    (tmp_path / "user.cpp").write_text(text)
    strict = ["c++", "-Wall", "-Wextra", "-Werror", "-c", "user.cpp"]
    ended = subprocess.run(strict, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
