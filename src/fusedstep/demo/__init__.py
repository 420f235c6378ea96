"""The training program of ``fusedstep demo``: a classifier of handwritten digits, trained by several optimizers."""
