"""Machine code: LLVM text, optimised and assembled.

What is compiled for no processor that is named is loaded here; what is compiled for one is linked by others.
"""

import os
from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple

import llvmlite
from llvmlite import binding

from ...source_text import source_text

FASTEST = 3
# How functions get their arguments, where LLVM would pass floats in integer registers.
ABIS = {"riscv64": "lp64d", "loongarch64": "lp64d"}
# The features that convert float16, of families of which not every CPU can.
HALF = {"x86_64": {"+f16c"}, "riscv64": {"+zfh", "+zfhmin"}}


class Processor(NamedTuple):
    """A processor that machine code is compiled for.

    Attributes:
        triple: LLVM's name of the kind of machine.
        name: its name of the CPU.
        features: the instructions that it has beyond those that the name implies.
    """

    triple: str
    name: str
    features: str

    @property
    def architecture(self) -> str:
        """LLVM's name of the family of CPUs."""
        return self.triple.partition("-")[0]


@cache
def host() -> Processor:
    """The CPU at hand; ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` override it, as in Numba."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        # As Numba does: a name alone leaves the features of the machine, unless it is that of no CPU.
        generic = str(name).lower() == "generic"
        features = "" if generic else binding.get_host_cpu_features().flatten()
    return Processor(binding.get_process_triple(), name or binding.get_host_cpu_name(), features)


@cache
def has_half(processor: Processor | None = None) -> bool:
    """Return whether the CPU has instructions that convert float16; without them LLVM fails to emit one."""
    processor = processor or host()
    always = processor.architecture in ("aarch64", "arm64")
    return always or not HALF.get(processor.architecture, set()).isdisjoint(processor.features.split(","))


def target_machine() -> Any:
    """What assembles for the CPU at hand, and for this process."""
    processor = host()
    # Loaded code, its constants and what it calls may lie anywhere in memory: near addresses do not reach them all.
    far = ("static", "large") if processor.architecture == "x86_64" else ("default", "jitdefault")
    return binding.Target.from_triple(processor.triple).create_target_machine(
        cpu=processor.name, features=processor.features, opt=FASTEST, reloc=far[0], codemodel=far[1], jit=True
    )


@cache
def shared_machine() -> Any:
    """One for all that is compiled; the engine keeps another."""
    return target_machine()


@cache
def machine_for(processor: Processor) -> Any:
    """What assembles for a processor, for any program that is linked from object files."""
    return binding.Target.from_triple(processor.triple).create_target_machine(
        cpu=processor.name, features=processor.features, opt=FASTEST, reloc="pic", codemodel="default"
    )


def for_host(text: str) -> str:
    """A module's text, with what it is compiled for."""
    machine, module = shared_machine(), binding.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return str(module)


def optimised(
    text: str, *others: str, called: Collection[str] = (), processor: Processor | None = None
) -> tuple[Any, Any]:
    """A module of LLVM text, linked with others and optimised, and the target machine that it is optimised for; of
    several, only what is ``called`` from outside stays visible there."""
    machine = machine_for(processor) if processor else shared_machine()
    module = binding.parse_assembly(text)
    for other in (*others, *abi_of(processor or host())):
        module.link_in(binding.parse_assembly(other))
    for each in (*module.functions, *module.global_variables) if called else ():
        if not each.is_declaration and each.name not in called:
            each.linkage = "internal"
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=FASTEST)
    # Interleaved loops take longer to compile, and are no faster: steps wait for memory, divisions and roots.
    options.loop_vectorization = options.slp_vectorization = True
    options.loop_interleaving = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module, machine


def abi_of(processor: Processor) -> list[str]:
    """Modules that name the ABI of a processor's functions, where LLVM needs it."""
    abi = ABIS.get(processor.architecture)
    return [f'!llvm.module.flags = !{{!0}}\n!0 = !{{i32 1, !"target-abi", !"{abi}"}}'] if abi else []


def object_code(text: str, name: str, symbol: str, processor: Processor | None = None) -> bytes:
    """The object file of a module whose function ``name`` becomes ``symbol``."""
    module, machine = optimised(text, processor=processor)
    module.get_function(name).name = symbol
    code: bytes = machine.emit_object(module)
    return code


def linked_code(called: Collection[str], *texts: str, processor: Processor | None = None) -> bytes:
    """The object file of several modules, linked, with the functions that are called from outside."""
    module, machine = optimised(*texts, called=called, processor=processor)
    code: bytes = machine.emit_object(module)
    return code


def assembly(text: str, processor: Processor | None = None) -> str:
    """The assembly of a module."""
    module, machine = optimised(text, processor=processor)
    written: str = machine.emit_assembly(module)
    return written


@cache
def made_for() -> str:
    """What decides on machine code beside its text: the CPU, the compiler, and how this file uses it."""
    # Numba's version does not count: the loops that another one has compiled are right.
    return "\n".join([repr((llvmlite.__version__, *host())), source_text(__package__, "compiler.py")])
