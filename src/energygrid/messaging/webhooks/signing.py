"""Signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence

from energygrid.errors import Invalid

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret of 32 random bytes as its owner sees it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One entry of the `webhook-signature` header.

    timestamp  Unix seconds of this attempt; the receiver refuses old ones
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise Invalid("BAD_WEBHOOK_SECRET", "a webhook secret is whsec_ and base64") from error
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers(secrets_: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; while a secret is being rotated the message is signed with both."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secrets_),
    }
