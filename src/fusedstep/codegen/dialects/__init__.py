"""What the words of rules and loops mean to each compiler: one file a dialect."""
