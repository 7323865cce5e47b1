"""SQL of runs."""
