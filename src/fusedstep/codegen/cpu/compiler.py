"""Machine code: LLVM text, optimised and assembled for the CPU that runs it."""

import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
from llvmlite import binding

FASTEST = 3


class Processor(NamedTuple):
    """What machine code is made for.

    Attributes:
        triple: LLVM's name of the kind of machine.
        name: its name of the CPU.
        features: the instructions that it has beyond those that the name implies.
    """

    triple: str
    name: str
    features: str


@cache
def host() -> Processor:
    """The CPU at hand; ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` say otherwise, as they do to Numba."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        # As Numba does: a name alone leaves the features of the machine, unless it is that of no CPU.
        generic = str(name).lower() == "generic"
        features = "" if generic else binding.get_host_cpu_features().flatten()
    return Processor(binding.get_process_triple(), name or binding.get_host_cpu_name(), features)


def architecture() -> str:
    """LLVM's name of the kind of processor that this process runs on."""
    return host().triple.partition("-")[0]


@cache
def has_half() -> bool:
    """Whether the CPU has instructions that convert float16; LLVM fails where they are asked for in vain."""
    if architecture() in ("aarch64", "arm64"):
        return True
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES") is not None:
        return "+f16c" in os.environ.get("NUMBA_CPU_FEATURES", "")
    return bool(binding.get_host_cpu_features().get("f16c"))


def target_machine() -> Any:
    """What assembles for the CPU."""
    processor = host()
    # Loaded code, its constants and what it calls may lie anywhere in memory: near addresses do not reach them all.
    far = ("static", "large") if architecture() == "x86_64" else ("default", "jitdefault")
    return binding.Target.from_triple(processor.triple).create_target_machine(
        cpu=processor.name, features=processor.features, opt=FASTEST, reloc=far[0], codemodel=far[1], jit=True
    )


@cache
def shared_machine() -> Any:
    """One for all that is compiled; the engine keeps another."""
    return target_machine()


def for_host(text: str) -> str:
    """A module's text, with what it is compiled for."""
    machine, module = shared_machine(), binding.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return str(module)


def optimised(text: str, *others: str, called: str = "") -> tuple[Any, Any]:
    """A module of LLVM text, linked with others and optimised, and the target machine that it is optimised for; of
    several, only what is ``called`` from outside stays visible there."""
    machine = shared_machine()
    module = binding.parse_assembly(text)
    for other in others:
        module.link_in(binding.parse_assembly(other))
    for function in module.functions if called else ():
        if not function.is_declaration and function.name != called:
            function.linkage = "internal"
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=FASTEST)
    # Interleaved loops take longer to compile, and are no faster: steps wait for memory, divisions and roots.
    options.loop_vectorization = options.slp_vectorization = True
    options.loop_interleaving = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module, machine


def object_code(text: str, name: str, symbol: str) -> bytes:
    """The object file of a module whose function ``name`` becomes ``symbol``."""
    module, machine = optimised(text)
    module.get_function(name).name = symbol
    code: bytes = machine.emit_object(module)
    return code


def linked_code(called: str, *texts: str) -> bytes:
    """The object file of several modules, linked, with one function that is called from outside."""
    module, machine = optimised(*texts, called=called)
    code: bytes = machine.emit_object(module)
    return code


def assembly(text: str) -> str:
    """The assembly of a module."""
    module, machine = optimised(text)
    written: str = machine.emit_assembly(module)
    return written


@cache
def made_for() -> str:
    """What decides on machine code beside its text: the CPU, the compiler, and how this file uses it."""
    # Numba's version does not count: the loops that another one has compiled are right.
    return "\n".join([repr((llvmlite.__version__, *host())), Path(__file__).read_text(encoding="utf-8")])
