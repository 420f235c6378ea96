"""The tests of fusedstep."""
