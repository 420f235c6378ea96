"""A rule as functions of whole arrays in ``jax.numpy``, which XLA compiles."""
