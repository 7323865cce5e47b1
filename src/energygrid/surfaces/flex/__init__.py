"""The flexibility API."""
