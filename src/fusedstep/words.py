"""The vocabulary of rules; see ``fusedstep.rules.words``."""

from .rules.words import *  # noqa: F403 - each word is named once, there
from .rules.words import PerColumn as PerColumn
from .rules.words import PerRow as PerRow
from .rules.words import __all__ as __all__
from .rules.words import per_column as per_column
from .rules.words import per_row as per_row
