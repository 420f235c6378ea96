"""The checks of ``fusedstep verify``: every operator on this machine."""
