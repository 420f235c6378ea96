"""What both examples ask of their command line."""

import argparse
from typing import Any


def between(kind: Any, least: float, most: float) -> Any:
    """What reads a number within limits from the command line."""

    def number(text: str) -> Any:
        if not least <= kind(text) <= most:
            raise argparse.ArgumentTypeError(f"{text}, expected a number from {least} to {most}")
        return kind(text)

    return number
