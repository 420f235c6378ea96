"""Check that PyTorch is installed, and new enough, before anything imports it."""

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        'fusedstep.torch needs torch, not installed here; install it with: pip install "fusedstep[torch]"',
        name="torch",
    ) from error

OLDEST = (2, 10)

if tuple(map(int, str(torch.__version__).split(".")[:2])) < OLDEST:
    raise ImportError(
        f"fusedstep.torch needs torch {'.'.join(map(str, OLDEST))} or newer, found {torch.__version__}; "
        'upgrade it with: pip install --upgrade "fusedstep[torch]"',
        name="torch",
    )
