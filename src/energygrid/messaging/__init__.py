"""Events that leave the platform: the outbox, the webhook endpoints, delivery and the pull feed."""
