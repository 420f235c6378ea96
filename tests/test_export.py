"""``fusedstep export``: object files that programs in C call, here and on other processors under an emulator."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.cli.main import main
from fusedstep.codegen.cpu import compiler

from . import reference

HOST = compiler.host().triple
# For each target the compiler and what runs its programs.
TARGETS = {
    HOST: ("cc", []),
    "aarch64-linux-gnu": ("aarch64-linux-gnu-gcc", ["qemu-aarch64-static"]),
    "riscv64-linux-gnu": ("riscv64-linux-gnu-gcc", ["qemu-riscv64-static"]),
}
KINDS = {"float64": "double", "float32": "float", "float16": "uint16_t", "bfloat16": "uint16_t"}
RULES = ["adam", "ftrl", "proximal_adagrad", "centered_rmsprop"]
ODD = [0.0, -0.0, 1e-40, -1e-310, 5e-324, 1e-8, np.inf, -np.inf, np.nan, 65519.0, 65520.0, 6e-8, 3e38, 1e300, 1.0]
COUNT = 4 * len(ODD) + 3

MAIN = """
#include <stdio.h>
#include "{symbol}.h"

static {kind} arrays[{arrays}][{count}];

int main(void) {{
    if (fread(arrays, sizeof arrays, 1, stdin) != 1) return 1;
    {symbol}({addresses}, {count}, {scalars});
    return fwrite(arrays, sizeof arrays, 1, stdout) != 1;
}}
"""


def arrays_of(count: int, kind: Any) -> np.ndarray:
    """Ordinary and odd numbers, the last row for the gradient."""
    random = np.random.default_rng(5)
    values = np.abs(random.standard_normal((count, COUNT)))
    values[:, : len(ODD)] = ODD
    values[:, len(ODD) : 2 * len(ODD)] = np.roll(ODD, 5)
    for row in range(count):
        values[row, : 2 * len(ODD)] = np.roll(values[row, : 2 * len(ODD)], row)
    with np.errstate(all="ignore"):
        return values.astype(kind)


@pytest.mark.parametrize("target", TARGETS, ids=["host", "aarch64", "riscv64"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_a_program_in_c_computes_the_same_bits(name: str, dtype: str, target: str, tmp_path: Path) -> None:
    compile_by, run_by = TARGETS[target]
    if missing := [each for each in (compile_by, *run_by) if shutil.which(each) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    rule, symbol = getattr(fs.rules, name), f"fusedstep_{name}"
    said = ["export", name, "--target", target, "--states", dtype, "--output", str(tmp_path)]
    assert main(said) == 0
    operator = fs.Operator(rule)
    scalars = dict.fromkeys(operator.signature.scalars, 0.5) | operator.signature.defaults
    arrays = arrays_of(len(operator.signature.states) + 1, reference.DTYPES[dtype])
    text = MAIN.format(
        symbol=symbol,
        kind=KINDS[dtype],
        arrays=len(arrays),
        count=COUNT,
        addresses=", ".join(f"arrays[{k}]" for k in range(len(arrays))),
        scalars=", ".join(map(repr, scalars.values())),
    )
    (tmp_path / "main.c").write_text(text)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-static"]
    subprocess.run(
        [compile_by, *strict, "main.c", f"{symbol}.o", "-o", "program", "-lm"], cwd=tmp_path, check=True, timeout=60
    )
    ran = subprocess.run(
        [*run_by, str(tmp_path / "program")], input=arrays.tobytes(), capture_output=True, check=True, timeout=60
    )
    got = np.frombuffer(ran.stdout, arrays.dtype).reshape(arrays.shape)
    with np.errstate(all="ignore"):
        operator(*arrays[:-1], arrays[-1], **scalars)
    reference.assert_same_bits(got, arrays)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (["adam", "--target", "abacus-linux-gnu"], "abacus"),
        (["nothing"], "nothing"),
        (["adam", "--states", "int8"], "int8"),
        (["adam", "--states", "float32", "float64", "float64"], "float64 stands beside no other type"),
        (["adam", "--switch", "sideways=true"], "no such switch"),
        (["adam", "--switch", "use_nesterov=1"], "NAME=true"),
        (["rowwise_adagrad"], "adds up rows"),
        (["adam", "--name", "7up"], "no digit first"),
        (["adam", "--output", "/dev/null/here"], "/dev/null"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_exported_is_refused(
    said: list[str], answer: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["export", *said])
    assert ended.value.code == 2
    assert answer in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
