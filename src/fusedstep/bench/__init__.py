"""The measurements behind ``fusedstep bench``: works, the race of their contenders, and its results."""
