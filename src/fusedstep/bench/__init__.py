"""``fusedstep bench`` below the command line: what is measured, by whom, and what comes of it."""
