"""The delivery log of an endpoint is read page by page."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_webhook_delivery_log", "webhook_delivery", ["tenant_id", "position", "endpoint_id"])
