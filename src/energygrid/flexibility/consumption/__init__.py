"""Half-hourly consumption of assets: taking it in, and reading it."""
