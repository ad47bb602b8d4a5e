"""A study as a whole: its configuration, its run directory, and the run from end to end."""
