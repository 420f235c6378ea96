"""Settings of MindSpore that decide whether its own kernels or Python run a step."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .lookup import find
from .program import Program, Use
from .values import UNTOLD, Form, Known, Values, constants, perhaps, things

CONTEXT = re.compile(r"mindspore\.(context\.)?set_context")
DEVICE = re.compile(r"mindspore\.((context|device_context\.\w+)\.)?set_device")
GRAPH_MODE = re.compile(r"mindspore\.(context\.)?GRAPH_MODE")
PARALLEL = re.compile(r"mindspore\.(context\.)?set_auto_parallel_context")
LOOKUP = re.compile(r"mindspore\.nn\.(.*\.)?(MultiField)?EmbeddingLookup")
JIT = re.compile(r"mindspore\.(common\.)?(api\.)?(jit|jit_class|ms_function)")
TRAINING = re.compile(r"mindspore\.nn\.(.*\.)?TrainOneStep\w+")
OPTIMIZER = re.compile(r"(.*[._])?(opt|optim|optimizer)([_\d]\w*)?")

MODE = "In GRAPH_MODE MindSpore compiles the step, and cannot call fusedstep."
MODE_REMEDY = "Set mode=PYNATIVE_MODE, the default of MindSpore 2."
PLACE = "fusedstep steps MindSpore's parameters on the CPU."
PLACE_REMEDY = 'Set the device target "CPU".'
PROCESSES = "fusedstep's optimizers run in one process, each on all of its parameters."
ROWS = "Its gradient has the rows and their indices only if MindSpore compiles the pass that computes it."
ROWS_REMEDY = "Compute it by mindspore.jit(mindspore.value_and_grad(...)), and call the optimizer outside."
COMPILED = "It compiles a function that calls an optimizer, and cannot call fusedstep."


@dataclass(frozen=True)
class Objection:
    """What a setting means beside MindSpore.

    Attributes:
        reason, remedy: as for a part that is not served.
        certain: whether it is written down; else it is known only when the program runs.
    """

    reason: str
    remedy: str
    certain: bool = True


def is_setting(use: Use) -> bool:
    """Whether a use sets something."""
    return any(pattern.fullmatch(use.name) for pattern in (CONTEXT, DEVICE, PARALLEL, LOOKUP, JIT))


def objections(program: Program, use: Use) -> Iterator[Objection]:
    """What speaks against a setting where fusedstep runs beside MindSpore."""
    if JIT.fullmatch(use.name):
        if use.decorated is not None and calls_optimizer(program, use.decorated):
            yield Objection(COMPILED, "Compile only what computes the loss and the gradients.")
        return
    if use.call is None:
        return
    given = program.arguments(use.call)
    if CONTEXT.fullmatch(use.name):
        if "mode" in given:
            yield from mode(given["mode"])
        if "device_target" in given:
            yield from device(given["device_target"])
    elif LOOKUP.fullmatch(use.name):
        if False not in constants(given.get("sparse", frozenset())):
            yield Objection(ROWS, ROWS_REMEDY, certain=False)
    elif DEVICE.fullmatch(use.name):
        yield from device(given.get(0, given.get("device_target", frozenset())))
    else:
        yield from parallel(given)


def mode(values: Values) -> Iterator[Objection]:
    """What speaks against a mode."""
    names = [each.name.rpartition(".")[2] for each in things(values)]
    if "GRAPH_MODE" in names or 0 in constants(values):
        yield Objection(MODE, MODE_REMEDY)
    elif UNTOLD in values or not (names or constants(values)):
        yield Objection("The mode is known only when the program runs.", MODE_REMEDY, certain=False)


def device(values: Values) -> Iterator[Objection]:
    """What speaks against a device target."""
    others = [each for each in constants(values) if each != "CPU"]
    if others:
        yield Objection(f"The device target is {others[0]}; {PLACE}", PLACE_REMEDY)
    elif UNTOLD in values or not constants(values):
        yield Objection("The device target is known only when the program runs.", PLACE_REMEDY, certain=False)


def is_graph_mode(use: Use) -> bool:
    """Whether a use names ``GRAPH_MODE``, which counts where it is set."""
    return GRAPH_MODE.fullmatch(use.name) is not None and use.role != "import"


def graph_mode_perhaps(program: Program) -> Iterator[Use]:
    """Where ``GRAPH_MODE`` is named, if reading does not tell what is set to it."""
    named = filter(is_graph_mode, program.uses)
    settings = [use for use in program.uses if use.call is not None and CONTEXT.fullmatch(use.name)]
    modes = [program.arguments(use.call).get("mode", frozenset()) for use in settings if use.call is not None]
    if not any(GRAPH_MODE.fullmatch(each.name) for values in modes for each in things(values)):
        yield from named


def parallel(given: dict[str | int, Values]) -> Iterator[Objection]:
    """What speaks against a setting of several processes."""
    if True in constants(given.get("enable_parallel_optimizer", frozenset())):
        yield Objection(f"A parallel optimizer shares parameters out over processes; {PROCESSES}", "Leave it out.")
    modes = given.get("parallel_mode")
    if modes is None:
        return
    names = {each.name.rpartition(".")[2].lower() for each in things(modes)} | {*constants(modes), *perhaps(modes)}
    others = sorted(str(each) for each in names - {"stand_alone"})
    if others:
        yield Objection(f"The parallel mode is {others[0]}; {PROCESSES}", "Use STAND_ALONE, or leave it out.")
    elif UNTOLD in modes or not names:
        reason = "The parallel mode is known only when the program runs."
        yield Objection(reason, "Use STAND_ALONE, or leave it out.", certain=False)


def calls_optimizer(program: Program, function: ast.AST) -> bool:
    """Whether a function calls an optimizer, itself or through others; one that it is given counts by its name."""
    return any(
        OPTIMIZER.fullmatch(callee) if isinstance(callee, str) else is_step(callee)
        for callee in program.reached(function)
    )


def is_step(callee: Known) -> bool:
    """Whether calling it takes a step: a cell that trains, or an optimizer or operator that was constructed."""
    if callee.form is not Form.RESULT:
        return False
    found = find(callee.name)
    if found is None:
        return TRAINING.fullmatch(callee.name) is not None
    return found.kind in ("optimizer", "operator") or found.path.endswith(".Optimizer")
