"""Every SQL statement about customers: `reading` and `pushing`."""
