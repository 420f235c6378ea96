"""Which operations exist, and what is checked before they run: names, arguments, dtypes, locks, threads."""
