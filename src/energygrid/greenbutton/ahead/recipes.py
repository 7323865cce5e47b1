"""What a feed is built from: everything that its address says, without the request."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from energygrid.greenbutton.window import EVERYTHING, Window

Kind = Literal["subscription", "bulk", "bulk_customer"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A batch answer.

    kind            which of the batch feeds; of a bulk feed, which side
    name            its id on the wire: of the authorization, or of the bulk feed
    client_id       the third party that asks
    usage_point     of a subscription, the one meter that is asked for; None: all
    representation  xml, json, csv or parquet
    href            the address that was asked, which stands in the feed's self link
    """

    kind: Kind
    name: str
    client_id: str
    href: str
    window: Window = EVERYTHING
    usage_point: str | None = None
    representation: str = "xml"

    @property
    def consent_id(self) -> str | None:
        """The one consent it stands under; None for a bulk feed, which stands under several."""
        return self.name if self.kind == "subscription" else None

    def key(self) -> bytes:
        """Equal recipes have equal keys (32 bytes)."""
        return hashlib.sha256(json.dumps(self.stored(), sort_keys=True).encode()).digest()

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Recipe":
        return cls(**{**stored, "window": Window(**stored["window"])})
