"""A rule, read once: its signature and statements, and what it asks of a call. Knows no backend."""
