"""A rule as machine code for the CPU: words, conversions, span functions, loops, object files, the engine."""
