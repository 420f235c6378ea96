"""``python -m fusedstep`` is the command ``fusedstep``."""

import sys

from .cli.main import main

sys.exit(main())
