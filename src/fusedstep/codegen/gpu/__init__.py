"""From rule and loop to a Triton kernel."""
