"""A rule as functions of whole arrays, which XLA compiles by way of jax.numpy."""
