"""Changed series are kept as they are given: they are read once and gone, compressing them is most of writing them."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    for column in ("series", "first", "last"):
        op.execute(f"ALTER TABLE flex_touched ALTER COLUMN {column} SET STORAGE EXTERNAL")
