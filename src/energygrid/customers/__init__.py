"""The mirror of the utility's customer information system: customers, premises, meters and their dates."""
