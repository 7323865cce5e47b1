"""Notices to third parties, bulk feeds and feeds that are built ahead."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    pass
