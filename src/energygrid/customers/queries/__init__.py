"""Every SQL statement about customers: `reading` the mirror, `locking` and `pushing` what a push touches."""
