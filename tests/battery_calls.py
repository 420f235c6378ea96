"""Builds the calls that ``battery/*.json`` describes: arguments, the memory around them, and what must come out."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from fusedstep.codegen.rule.program import ReductionScope
from fusedstep.operators import catalogue
from fusedstep.operators.named import NamedOperator
from fusedstep.operators.operator import Operator
from tests import reference
from tests.battery_settings import REFERENCES, Setting

FOLDER = Path(__file__).parent / "battery"
FILES = [json.loads((FOLDER / name).read_text()) for name in ("cases.json", "more_cases.json")]
BASE: dict[str, dict[str, Any]] = FILES[0]["base"]
CASES: list[dict[str, Any]] = [case for file in FILES for case in file["cases"]]

GUARD, SPARE_ROWS = 64, 2
PYTHON = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "none": None, "object": object(), "huge": 10**400}
PYTHON["bytes"] = b"abcdefghijkl"


def filled(spec: dict[str, Any]) -> np.ndarray:
    """The values of an array's description."""
    dtype = np.dtype(getattr(ml_dtypes, spec["dtype"], spec["dtype"]))
    if "values" in spec:
        return np.array(spec["values"], dtype)
    shape = tuple(spec["shape"])
    if spec["fill"] in ("zeros", "ones"):
        values = np.full(shape, spec["fill"] == "ones", float)
    else:
        values = reference.numbers(np.random.default_rng(spec["seed"]), shape, float, spec["fill"] == "positive")
    for place, value in spec.get("set", ()):
        values.reshape(-1)[place] = float(value)
    return np.asarray(values * 10 if dtype.kind in "iu" and "set" not in spec else values).astype(dtype)


@dataclass
class Memory:
    """An array in the middle of a larger stretch of memory.

    Attributes:
        raw: the stretch, with guards before and behind.
        view: shows the array in such a stretch.
    """

    raw: np.ndarray
    view: Callable[[np.ndarray], np.ndarray]


def laid_out(values: np.ndarray, layout: str) -> Memory:
    """Puts values into memory in some layout."""
    shape, dtype = values.shape, values.dtype
    if layout == "byteswapped":
        dtype = dtype.newbyteorder()
    wide = {"strided": 2, "wide": 1}.get(layout, 0)
    whole = list(shape)
    if layout == "strided":
        whole[-1] *= 2
    elif layout == "wide":
        whole[-1] += 3
    elif layout == "alternate":
        whole[0] *= 2
    elif layout == "broadcast":
        whole[0] = 1
    start = GUARD + (layout == "misaligned")
    # Spare rows behind the array are what an overlapping array is made of.
    spare = SPARE_ROWS * dtype.itemsize * math.prod(whole[1:])
    raw = np.full(start + math.prod(whole) * dtype.itemsize + spare + GUARD, 0x3C, np.uint8)

    def view(memory: np.ndarray) -> np.ndarray:
        array = np.ndarray(tuple(whole), dtype, memory, start, order="F" if layout == "F" else "C")
        match layout:
            case "strided":
                return array[..., ::2]
            case "wide":
                return array[..., wide : wide + shape[-1]]
            case "alternate":
                return array[::2]
            case "reversed":
                return array[::-1]
            case "broadcast":
                return np.lib.stride_tricks.as_strided(array, shape, (0, *array.strides[1:]))
        return array

    view(raw)[...] = values
    return Memory(raw, view)


@dataclass
class Call:
    """One call of one operator, ready to be made.

    Attributes:
        setting: the operator.
        use_locking: what it is constructed with.
        overridden: the constructor's arguments that are not those of the good call.
        given: the arguments as the operator gets them, by role.
        arrays: the NumPy views among them, by role, whatever library they are given in.
        memories: where arrays lie, by role; of those that lie in memory of their own.
    """

    setting: Setting
    use_locking: Any
    overridden: frozenset[str] = frozenset()
    given: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)

    def add(self, role: str, spec: Any) -> None:
        """Builds one argument; those that it refers to are there."""
        if not isinstance(spec, dict):
            self.given[role] = spec
        elif "py" in spec:
            self.given[role] = PYTHON[spec["py"]]
        elif "py_value" in spec:
            self.given[role] = spec["py_value"]
        elif "np" in spec:
            value = math.nan if spec["np"] == "nan" else spec["np"]
            self.given[role] = np.array(value).astype(spec["dtype"])[()]
        elif "alias_of" in spec:
            self.given[role] = self.given[spec["alias_of"]]
            self.arrays[role] = self.arrays[spec["alias_of"]]
        elif "view_of" in spec:
            self.arrays[role] = self.given[role] = self.arrays[spec["view_of"]][:]
        elif "overlap_of" in spec:
            owner, memory = self.arrays[spec["overlap_of"]], self.memories[spec["overlap_of"]]
            shape = (spec.get("take", len(owner)), *owner.shape[1:])
            start = GUARD + spec["rows"] * owner.strides[0]
            self.arrays[role] = self.given[role] = np.ndarray(shape, owner.dtype, memory.raw, start)
        else:
            self.add_array(role, filled(spec), spec.get("layout", "C"))

    def add_array(self, role: str, values: np.ndarray, layout: str) -> None:
        if values.dtype.hasobject:
            self.arrays[role] = self.given[role] = values
            return
        self.memories[role] = memory = laid_out(values, layout)
        array = memory.view(memory.raw)
        match layout:
            case "readonly":
                array.flags.writeable = False
            case "matrix":
                array = array.view(np.matrix)
            case "masked":
                array = np.ma.MaskedArray(array, mask=False)
        self.arrays[role] = array
        self.given[role] = array.tolist() if layout == "list" else array

    @property
    def roles(self) -> dict[str, str]:
        return self.setting.roles

    @property
    def states(self) -> list[str]:
        """The roles of the states that are arguments, in the rule's order."""
        return [self.roles[name] for name in self.setting.operator.state_names if name in self.roles]

    def value(self, name: str) -> Any:
        """What is given for an argument."""
        role = self.roles[name]
        return self.given[role] if role in self.given else self.setting.number(name)

    def operator(self, use_locking: Any) -> NamedOperator:
        """The operator, constructed with what the case says of that."""
        chosen = {name: self.value(name) for name in self.setting.constructed} | {"use_locking": use_locking}
        if self.overridden:
            return catalogue.OPERATORS[self.setting.name](**self.setting.options, **chosen)
        if use_locking not in self.setting.ready:
            self.setting.ready[use_locking] = catalogue.OPERATORS[self.setting.name](**self.setting.options, **chosen)
        return self.setting.ready[use_locking]

    def make(self) -> Any:
        """Constructs the operator and calls it."""
        return self.operator(self.use_locking)(*(self.value(name) for name in self.setting.arguments))

    def expected(self, compute: np.dtype | None = None) -> list[np.ndarray]:
        """The states after the call, and what it creates, in the rule's order, from what the states are now."""
        operator = self.operator(False)
        numbers = operator.numbers([self.value(name) for name in self.setting.arguments])
        scalars = dict(zip(operator.signature.scalars, numbers, strict=True))
        native = {role: np.array(array, array.dtype.newbyteorder("=")) for role, array in self.arrays.items()}
        grad = native["grad"]
        named = [
            native[self.roles[name]] if name in self.roles else np.zeros_like(grad) for name in operator.state_names
        ]
        switched: Operator = operator
        if operator.entry.by_rank:
            switched = operator.switched(**{name: of(named[0].ndim) for name, of in operator.entry.by_rank.items()})
        if not grad.size and switched.spec.reduction_scope == ReductionScope.TENSOR:
            # Without elements there is no step, where NumPy has means of nothing.
            return [state.astype(compute or state.dtype) for state in named]
        states = [kept(state, kind, named[0].shape) for state, kind in zip(named, switched.spec.kinds, strict=True)]
        new = reference.step(
            operator.rule,
            states,
            grad,
            native.get("indices"),
            operator.entry.rows or "touched",
            scalars,
            dict(switched.switches),
            compute,
        )
        return [each.reshape(state.shape) for each, state in zip(new, named, strict=True)]

    def memory(self, but: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
        """All memory, guards included; the elements of some arrays as zeros."""
        for role, memory in self.memories.items():
            raw = memory.raw.copy()
            if role in but:
                memory.view(raw)[...] = 0
            yield role, raw.tobytes()
        for role, array in self.arrays.items():
            if array.dtype.hasobject:
                yield role, repr(array.tolist()).encode()


def kept(state: np.ndarray, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """A state of one number a row or a column, with the axis that is missing."""
    shapes = {"row": (*shape[:-1], 1), "column": (*shape[:-2], 1, *shape[-1:])}
    return state.reshape(shapes.get(kind, state.shape))


def specs_of(case: dict[str, Any], setting: Setting) -> dict[str, Any]:
    """What a case gives for the roles of an operator: its base call's, with what the case overrides."""
    base = BASE[setting.kind]
    specs = base | case["args"]
    for name, role in setting.roles.items():
        meaning = setting.entry.meanings.get(name, (name,))[0]
        if role in specs or meaning not in setting.entry.signature.states:
            continue
        # A further state goes with the variable, whatever becomes of those that play a role.
        like = setting.like(name)
        specs[role] = (specs if {"var", like} <= case["args"].keys() else base)[like] | {"seed": len(role)}
        signature = setting.entry.signature
        shape = specs["var"].get("shape", []) if isinstance(specs["var"], dict) else base["var"]["shape"]
        if meaning in signature.per_row:
            specs[role] = specs[role] | {"shape": shape[:-1], "layout": "C"}
        elif meaning in signature.per_column:
            specs[role] = specs[role] | {"shape": [*shape[:-2], *shape[-1:]], "layout": "C"}
    return {role: specs[role] for role in setting.roles.values() if role in specs}


def build(case: dict[str, Any], setting: Setting) -> Call:
    """The call that a case makes of an operator."""
    specs = specs_of(case, setting)
    changed = case["args"].keys()
    overridden = (name for name in (*setting.constructed, "use_locking") if setting.roles.get(name, name) in changed)
    call = Call(setting, None, frozenset(overridden))
    for role in sorted(specs, key=lambda role: isinstance(specs[role], dict) and bool(REFERENCES & specs[role].keys())):
        call.add(role, specs[role])
    locking = Call(setting, None)
    locking.add("use_locking", (BASE[setting.kind] | case["args"])["use_locking"])
    call.use_locking = locking.given["use_locking"]
    return call


TORCH_LAYOUTS = {"C", "F", "strided", "broadcast", "wide", "alternate"}
TORCH_DTYPES = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"}
TORCH_DTYPES |= {"uint64", "bool", "complex64", "bfloat16"}


def in_torch(case: dict[str, Any], setting: Setting) -> bool:
    """Whether a case's arrays can be tensors."""
    arrays = [spec for spec in specs_of(case, setting).values() if isinstance(spec, dict) and "dtype" in spec]
    return all(
        spec["dtype"] in TORCH_DTYPES and (spec.get("layout", "C") in TORCH_LAYOUTS or spec.get("np"))
        for spec in arrays
    )


def to_torch(call: Call) -> None:
    """Gives the same memory as tensors."""
    import torch

    made: dict[int, Any] = {}
    for role, value in call.given.items():
        if isinstance(value, np.ndarray | np.generic):
            if id(value) not in made:
                array = np.asarray(value) if isinstance(value, np.generic) else value
                tensor = isinstance(value, np.ndarray)
                made[id(value)] = reference.as_tensor(array) if tensor else torch.tensor(value.item())
            call.given[role] = made[id(value)]
