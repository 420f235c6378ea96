"""The command ``fusedstep``: a person at a terminal."""
