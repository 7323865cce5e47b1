"""The keys that sign our tokens, and their rotation.

At any time one key signs and one more is published that signs next, so that whoever caches the key set knows a key
long before its first token. A key that has stopped signing stays published until the last token it signed has expired,
and an hour more. States are not stored: they follow from the instants `published_at` and `signs_from`.
Source: contracts/powerbox.md 5.4.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal

from joserfc.jwk import ECKey
from sqlalchemy import Connection

from energygrid.access import audit, queries
from energygrid.access.caller import Actor
from energygrid.access.settings import AccessSettings
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, NotFound

ALGORITHM = "ES256"
_SEAL = "signing key"
_GRACE = timedelta(hours=1)

State = Literal["next", "signing", "retiring", "retired", "withdrawn"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    public: Mapping[str, Any]
    sealed: bytes = field(repr=False)
    published_at: datetime
    signs_from: datetime | None
    withdrawn_at: datetime | None

    def private(self, vault: Vault) -> ECKey:
        return ECKey.import_key(vault.open(_SEAL, self.sealed))


def states(keys: Sequence[SigningKey], now: datetime, lifetime: timedelta) -> dict[str, State]:
    """What each key is at `now`, by kid. `keys` in the order in which they sign; `lifetime` of the longest token."""
    found: dict[str, State] = {}
    trusted = [key for key in keys if key.withdrawn_at is None]
    for key, successor in zip_longest(trusted, trusted[1:]):
        ends = successor.signs_from if successor else None
        if key.signs_from is None or key.signs_from > now:
            found[key.kid] = "next"
        elif ends is None or ends > now:
            found[key.kid] = "signing"
        else:
            found[key.kid] = "retiring" if now < ends + lifetime + _GRACE else "retired"
    return {key.kid: found.get(key.kid, "withdrawn") for key in keys}


def load_keys(db: Connection) -> list[SigningKey]:
    """All keys in the order in which they sign."""
    return [
        SigningKey(row.kid, row.public_key, row.sealed_private_key, row.published_at, row.signs_from, row.withdrawn_at)
        for row in queries.signing_keys(db)
    ]


def ensure_keys(db: Connection, vault: Vault, now: datetime) -> list[SigningKey]:
    """The keys; the first two are made when there are none. The very first signs at once: nobody has cached a set."""
    queries.lock_signing_keys(db)
    if not any(key.withdrawn_at is None for key in load_keys(db)):
        _publish(db, vault, now, signs_from=now)
    return _with_a_next_key(db, vault, now)


def rotate(db: Connection, vault: Vault, rules: AccessSettings, *, who: Actor, now: datetime) -> SigningKey:
    """Let the next key sign as soon as it has been published long enough, and publish another one.

    Returns the key that signs next, with the instant from which it does. Raises Conflict("ROTATION_PENDING") while an
    earlier rotation still waits for its instant.
    """
    keys = ensure_keys(db, vault, now)
    waiting = [key for key in keys if key.withdrawn_at is None and (key.signs_from is None or key.signs_from > now)]
    if any(key.signs_from is not None for key in waiting):
        raise Conflict("ROTATION_PENDING", "an earlier rotation has not come into force yet")
    chosen = waiting[0]
    signs_from = max(now, chosen.published_at + timedelta(seconds=rules.key_lead_s))
    queries.update_signing_key(db, chosen.kid, {"signs_from": signs_from})
    _audit(db, "key.rotated", chosen.kid, who, now, {"signs_from": signs_from.isoformat()})
    return next(key for key in _with_a_next_key(db, vault, now) if key.kid == chosen.kid)


def withdraw(db: Connection, vault: Vault, kid: str, *, who: Actor, now: datetime) -> None:
    """Distrust a key at once, as after a theft: its tokens fail and the next key signs without delay.

    Raises NotFound("UNKNOWN_KEY").
    """
    keys = ensure_keys(db, vault, now)
    key = next((key for key in keys if key.kid == kid and key.withdrawn_at is None), None)
    if key is None:
        raise NotFound("UNKNOWN_KEY", f"there is no key {kid}", kid=kid)
    queries.update_signing_key(db, kid, {"withdrawn_at": now})
    if states(keys, now, timedelta())[kid] == "signing":
        waiting = (other for other in keys if other.signs_from is None or other.signs_from > now)
        successor = next(other for other in waiting if other.withdrawn_at is None)
        queries.update_signing_key(db, successor.kid, {"signs_from": now})
    _with_a_next_key(db, vault, now)
    _audit(db, "key.withdrawn", kid, who, now, {})


def rotate_when_due(db: Connection, vault: Vault, rules: AccessSettings, now: datetime) -> bool:
    """For scheduled work: rotate a key that has signed for `key_age_s`, and drop private keys that are retired."""
    keys = ensure_keys(db, vault, now)
    found = states(keys, now, timedelta(seconds=rules.token_lifetime_s))
    queries.delete_signing_keys(db, [kid for kid, state in found.items() if state == "retired"])
    signs_since = max((key.signs_from for key in keys if key.signs_from and key.withdrawn_at is None), default=now)
    if signs_since + timedelta(seconds=rules.key_age_s) > now:
        return False
    rotate(db, vault, rules, who=audit.SYSTEM, now=now)
    return True


def _with_a_next_key(db: Connection, vault: Vault, now: datetime) -> list[SigningKey]:
    """All keys, after publishing one that signs next if there is none."""
    if not any(key.signs_from is None and key.withdrawn_at is None for key in load_keys(db)):
        _publish(db, vault, now)
    return load_keys(db)


def _publish(db: Connection, vault: Vault, now: datetime, *, signs_from: datetime | None = None) -> None:
    key = ECKey.generate_key("P-256", private=True)
    kid = f"{now:%Y%m%d}-{secrets.token_hex(4)}"
    values = {
        "kid": kid,
        "algorithm": ALGORITHM,
        "public_key": {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM},
        "sealed_private_key": vault.seal(_SEAL, key.as_pem(private=True)),
        "published_at": now,
        "signs_from": signs_from,
    }
    queries.insert_signing_key(db, values)


def _audit(db: Connection, action: str, kid: str, who: Actor, now: datetime, facts: Mapping[str, object]) -> None:
    audit.record(
        db,
        audit.INSTALLATION,
        actor=who.name,
        action=action,
        subject=f"key/{kid}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )
