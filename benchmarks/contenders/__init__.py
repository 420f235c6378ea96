"""One file a contender: ``WORKS`` maps the name of a work to a function that prepares its steps, one a batch."""
