"""Series, day blocks, register reads, and the landing of files."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass
