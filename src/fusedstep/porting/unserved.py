"""What of MindSpore's optimizer part is not served, with the reason and the remedy."""

import re
from dataclasses import dataclass

from ..mindspore import absent

KEEP = "Keep MindSpore's for these parameters; fusedstep's optimizers run beside it."


@dataclass(frozen=True)
class Part:
    """Some names of MindSpore's optimizer part.

    Attributes:
        names: a pattern of their full names, without ``mindspore.``.
        reason: why they are not served.
        remedy: what to do.
    """

    names: str
    reason: str
    remedy: str = KEEP


# The first that fits counts. Names that ``fusedstep.mindspore`` has are served and not looked for here.
PARTS = (
    Part(
        r"nn\.(optim\.)*(asgd\.)?ASGD",
        absent.AVERAGED,
    ),
    Part(
        r"nn\.(optim\.)*(rprop\.)?Rprop",
        absent.SIGNS,
    ),
    Part(
        r"nn\.(optim\.thor\.)?(optim\.)?([Tt]hor\w*)|ops\.operations\._thor_ops.*|ops\..*\bUpdateThorGradient",
        absent.SECOND_ORDER,
    ),
    Part(
        r"(nn|boost)\.(.*\.)?_?AdaSum\w*|parallel\..*AdaSum\w*",
        absent.PROCESSES,
        "Leave it out, or keep it with MindSpore's optimizer.",
    ),
    Part(
        r"nn\.(.*\.)?OptTFTWrapper",
        absent.FAILOVER,
        "Leave it out: pass the optimizer itself.",
    ),
    Part(
        r"ops\..*(ApplyCamePart\d|apply_came_part\d\w*)",
        "It is a part of CAME with kernels for Ascend alone, and without a documented formula.",
    ),
    Part(
        r"experimental\.optim\b.*|mint\.optim\b.*",
        absent.TORCH,
        "Use the optimizer of mindspore.nn with the same rule, which fusedstep serves; or keep MindSpore's.",
    ),
    Part(
        r"boost\b.*",
        absent.BOOST,
        "Leave it out.",
    ),
    Part(
        r"(.*\.)?MapParameter",
        "It is a hash table, which no operator of fusedstep updates.",
        "Use a Parameter with rows, and indices below their number.",
    ),
    Part(
        r"nn\.optim\b.*",
        "It is inside MindSpore's own optimizers.",
        "Optimizers of your own that need it stay MindSpore's.",
    ),
    Part(
        r"nn\.(dynamic_lr|learning_rate_schedule)\b.*|nn\.\w+(_lr|DecayLR)|nn\.WarmUpLR",
        "fusedstep has no schedule of this name.",
        "Keep MindSpore's: optimizers take its cells and lists.",
    ),
    Part(
        r"ops\.(.*\.)?((Sparse)?Apply(?!Rotary)\w+|FusedSparse\w+|Fused\w*(Adam|Momentum|AdaFactor)\w*|Lamb\w+|\w*Momentum)",
        "It is not among fusedstep's operators, which 'fusedstep ops' lists.",
    ),
)


def part_of(name: str) -> Part | None:
    """The part of MindSpore's optimizers to which a full name belongs; None if to none.

    >>> part_of("mindspore.nn.optim.rprop.Rprop").remedy == KEEP, part_of("mindspore.nn.Dense")
    (True, None)
    """
    _, _, below = name.partition(".")
    return next((part for part in PARTS if re.fullmatch(part.names, below)), None)
