"""The checks, a module for each area; each has `run(world)`."""
