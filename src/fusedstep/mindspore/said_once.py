"""What has no effect is told to the log of ``fusedstep``, once."""

_said: set[tuple[str, str]] = set()


def say_once(caller: str, subject: str, what: str) -> None:
    """Tell the log, the first time, that a call has no effect.

    Args:
        caller: the function.
        subject: what is said once.
        what: the sentence.
    """
    if (caller, subject) not in _said:
        _said.add((caller, subject))
        # Imported here so that processes that only step start fast.
        import logging

        logging.getLogger("fusedstep").info("%s: %s: every call runs immediately, on the CPU", caller, what)
