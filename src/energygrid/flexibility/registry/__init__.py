"""Users, assets, portfolios, schemes and consents of a flexibility supplier."""
