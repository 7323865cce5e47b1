"""One feed over many consents of a third party."""
