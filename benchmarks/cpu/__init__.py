"""``make bench``: ``fusedstep bench`` with more libraries and works, sweeps over sizes, and saved results."""
