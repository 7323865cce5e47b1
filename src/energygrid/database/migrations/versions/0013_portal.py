"""Sessions of people in the portal, and which customer a user is."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    pass
