"""The command ``fusedstep``."""
