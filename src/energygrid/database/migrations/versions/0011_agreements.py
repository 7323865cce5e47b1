"""What utilities say of agreements, suppliers, programmes, statements and power quality."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    pass
