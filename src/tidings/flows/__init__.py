"""Use cases: one a file, readable as a list of steps."""
