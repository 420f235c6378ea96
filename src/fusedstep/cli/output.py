"""Long texts on the terminal."""

import os
import sys


def show(text: str) -> None:
    """Print a text; a reader such as head may close the pipe before its end."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
