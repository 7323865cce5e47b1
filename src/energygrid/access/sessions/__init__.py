"""Sessions of people who signed in with a browser."""
