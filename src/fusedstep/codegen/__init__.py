"""From a rule to a kernel: read its signature, weave rule, loop and dialect into one module, keep that on disk."""
