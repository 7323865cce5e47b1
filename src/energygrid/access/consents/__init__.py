"""What customers allow: which third party sees which meters, what of them, and for how long."""
