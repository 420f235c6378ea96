"""Builds the calls that ``battery/*.json`` describes: arguments, the memory around them, and what must come out."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import fusedstep as fs

from . import reference

FOLDER = Path(__file__).parent / "battery"
FILES = [json.loads((FOLDER / name).read_text()) for name in ("cases.json", "more_cases.json")]
BASE: dict[str, dict[str, Any]] = FILES[0]["base"]
CASES: list[dict[str, Any]] = [case for file in FILES for case in file["cases"]]

GUARD, SPARE_ROWS = 64, 2
PYTHON = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "none": None, "object": object(), "huge": 10**400}
PYTHON["bytes"] = b"abcdefghijkl"
ADAM = {"beta1_power": 0.9, "beta2_power": 0.999, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
ADAM_ROLES = {"m": "lin", "v": "sq", "gradient": "grad"}


@dataclass(frozen=True)
class Setting:
    """An operator as it is constructed for the battery.

    Attributes:
        kind: which base call it takes, sparse or dense.
        name: its name in ``fs.ops``.
        options: what it is constructed with.
        roles: by the names of its arguments, those that play a role of another name.
    """

    kind: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return "-".join([self.name, *map(str, self.options.values())])

    @property
    def arguments(self) -> list[str]:
        return list(getattr(fs.ops, self.name).entry.meanings)

    def role(self, argument: str) -> str:
        return self.roles.get(argument, argument)

    def applies(self, case: dict[str, Any]) -> bool:
        """Whether a case says anything of this operator."""
        known = {self.role(argument) for argument in self.arguments} | {"use_locking"}
        return case["op"] == self.kind and (not case["args"] or bool(case["args"].keys() & known))


SETTINGS = [
    Setting("sparse", "FusedSparseAdam", roles=ADAM_ROLES),
    Setting("sparse", "FusedSparseLazyAdam", {"use_nesterov": True}, ADAM_ROLES),
    Setting("sparse", "FusedSparseProximalAdagrad", roles={"accum": "sq"}),
    Setting("sparse", "FusedSparseProximalAdagrad", {"shrink": "lr/sqrt(accum)"}, {"accum": "sq"}),
    Setting("dense", "ApplyProximalAdagrad", roles={"accum": "sq"}),
    Setting("dense", "ApplyProximalAdagrad", {"shrink": "lr/sqrt(accum)"}, {"accum": "sq"}),
]


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
        given: the arguments as the operator gets them, by role.
        arrays: the NumPy views among them, by role, whatever library they are given in.
        memories: where arrays lie, by role; of those that lie in memory of their own.
    """

    setting: Setting
    use_locking: Any
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
    def states(self) -> list[str]:
        """The roles of the states, in the rule's order."""
        rule = getattr(fs.ops, self.setting.name).entry.rule
        return [self.setting.role(name) for name in fs.Operator(rule).signature.states]

    def argument(self, name: str) -> Any:
        return self.given[self.setting.role(name)] if name not in ADAM else ADAM[name]

    def make(self) -> tuple[Any, ...]:
        """Constructs the operator and calls it."""
        operator = getattr(fs.ops, self.setting.name)(use_locking=self.use_locking, **self.setting.options)
        return operator(*(self.argument(name) for name in self.setting.arguments))

    def expected(self, compute: np.dtype | None = None) -> list[np.ndarray]:
        """The states after the call, from what they are now."""
        operator = getattr(fs.ops, self.setting.name)(**self.setting.options)
        scalars = {name: np.asarray(self.argument(name)).item() for name in operator.signature.scalars}
        states = [np.array(self.arrays[role]) for role in self.states]
        native = {role: np.array(array, array.dtype.newbyteorder("=")) for role, array in self.arrays.items()}
        grad, indices = native["grad"], native.get("indices")
        rows, switches = self.setting_rows, dict(operator.switches)
        return reference.step(operator.rule, states, grad, indices, rows, scalars, switches, compute)

    @property
    def setting_rows(self) -> str:
        return getattr(fs.ops, self.setting.name).entry.rows or "touched"

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


def build(case: dict[str, Any], setting: Setting) -> Call:
    """The call that a case makes of an operator."""
    specs = BASE[setting.kind] | case["args"]
    call = Call(setting, None)
    roles = [setting.role(argument) for argument in setting.arguments if argument not in ADAM]
    for role in sorted(roles, key=lambda role: isinstance(specs[role], dict) and bool(REFERENCES & specs[role].keys())):
        call.add(role, specs[role])
    locking = Call(setting, None)
    locking.add("use_locking", specs["use_locking"])
    call.use_locking = locking.given["use_locking"]
    return call


REFERENCES = {"alias_of", "view_of", "overlap_of"}
TORCH_LAYOUTS = {"C", "F", "strided", "broadcast", "wide", "alternate"}
TORCH_DTYPES = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"}
TORCH_DTYPES |= {"uint64", "bool", "complex64", "bfloat16"}


def in_torch(case: dict[str, Any], setting: Setting) -> bool:
    """Whether a case's arrays can be tensors."""
    specs = (BASE[setting.kind] | case["args"]).values()
    arrays = [spec for spec in specs if isinstance(spec, dict) and "dtype" in spec]
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
                bits = array.view(np.int16) if array.dtype == reference.BFLOAT16 else array
                tensor = torch.from_numpy(bits) if isinstance(value, np.ndarray) else torch.tensor(value.item())
                made[id(value)] = tensor.view(torch.bfloat16) if bits is not array else tensor
            call.given[role] = made[id(value)]
