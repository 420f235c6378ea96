"""What every operator must do, checked on the machine at hand: the works of ``fusedstep verify``."""
