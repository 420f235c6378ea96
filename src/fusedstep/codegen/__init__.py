"""From a rule to machine code: read its signature and statements, write what runs, keep that on disk."""
