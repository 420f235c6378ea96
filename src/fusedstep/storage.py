"""Storage types: how kernels hold, read and write an element of each."""

# The type of the array that holds the elements; 16-bit floats are held as bits.
ARRAYS = {"float64": "float64", "float32": "float32", "float16": "uint16", "bfloat16": "uint16"}
ITEM_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


def compute_type(storage: str) -> str:
    """The type in which a variable of a storage type is computed."""
    return "float64" if storage == "float64" else "float32"


def chance(storage: str) -> str | None:
    """The name of Triton's conversion that rounds by chance, for the types that have one."""
    return f"to_{storage}_stochastic" if ARRAYS[storage] == "uint16" else None
