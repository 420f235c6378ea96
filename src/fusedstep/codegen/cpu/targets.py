"""The processors that functions are exported for, by the names that compilers give them."""

import subprocess
import sys
from functools import cache

from llvmlite import binding

from .compiler import Processor

# By LLVM's name of the family: the instructions without which a program of it cannot be linked or is not exact.
NEEDED = {
    "x86_64": "",
    "aarch64": "",
    "arm64": "",
    "riscv64": "+m,+a,+f,+d,+c",
    "loongarch64": "+f,+d",
    "powerpc64le": "",
    "s390x": "",
}
SYSTEMS = ("linux", "freebsd", "netbsd", "openbsd", "windows", "none", "elf")


def processor_of(triple: str, name: str = "", features: str = "") -> Processor:
    """The processor of a target triple.

    Args:
        triple: as compilers write it, such as ``aarch64-linux-gnu``.
        name: LLVM's name of the CPU; by default any of the family will do.
        features: the instructions that it has beyond those of the name, as ``+f16c,+bmi2``.

    Raises:
        ValueError: the triple is of no known family, or LLVM knows no such CPU or features.
    """
    architecture, *others = triple.split("-")
    if architecture not in NEEDED or not others:
        raise ValueError(
            f"{triple!r} is no known target; expected a triple such as riscv64-linux-gnu, "
            f"which begins with one of {', '.join(NEEDED)}"
        )
    # Compilers leave the vendor out, LLVM takes what stands there for it.
    vendor = ["unknown"] if others[0].startswith(SYSTEMS) else []
    prepare()
    processor = Processor(
        "-".join([architecture, *vendor, *others]), name, ",".join(filter(None, [NEEDED[architecture], features]))
    )
    if name or features:
        ensure_known(processor)
    return processor


@cache
def prepare() -> None:
    """Initialize LLVM for all processors."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


TRIAL = """
import sys
from fusedstep.codegen.cpu import compiler, targets
targets.prepare()
compiler.assembly("define void @f() { ret void }", compiler.Processor(*sys.argv[1:]))
"""


def ensure_known(processor: Processor) -> None:
    """Refuses a processor that LLVM does not know. LLVM reports this on standard error only, or ends the process."""
    command = [sys.executable, "-c", TRIAL, *processor]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode or ended.stderr:
        name, features = processor.name, processor.features
        asked = [f"the CPU {name!r}" if name else "", repr(features) if features else ""]
        raise ValueError(
            f"LLVM does not know {' with '.join(filter(None, asked))} of {processor.triple}; name a CPU as clang's "
            "-mcpu does, and features as +NAME or -NAME, separated by commas"
        )
