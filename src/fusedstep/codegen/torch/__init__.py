"""A rule as functions of whole tensors of PyTorch, one operation after the other."""
