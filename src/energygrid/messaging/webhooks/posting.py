"""One webhook request over the guarded outgoing client."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from energygrid.access.addresses import AllowList
from energygrid.access.outgoing import OutgoingClient
from energygrid.errors import Invalid, Unavailable
from energygrid.messaging.webhooks.delivery import TIMEOUT, Post
from energygrid.messaging.webhooks.messages import Message
from energygrid.messaging.webhooks.retry import Answer, Outcome

_EXCERPT = 256
_READ = 16_384

_FAILURES = {"UPSTREAM_TIMEOUT": Outcome.TIMED_OUT}


@lru_cache(maxsize=4)
def guarded_client(allow: tuple[str, ...], *, allow_http: bool) -> OutgoingClient:
    """Kept for the process: it reads the machine's certificate authorities."""
    return OutgoingClient(AllowList.of(allow), allow_http=allow_http)


def poster(client: OutgoingClient, timeout: timedelta = TIMEOUT) -> Post:
    """How `delivery.deliver` posts: every way a request can end becomes an `Answer`."""

    def post(url: str, message: Message) -> Answer:
        began = time.monotonic()
        try:
            got = client.request(
                "POST",
                url,
                message.headers,
                message.body,
                timeout=timeout.total_seconds(),
                max_bytes=_READ,
                cut=True,
            )
        except Invalid as error:
            return Answer(None, _since(began), error.message[:_EXCERPT], Outcome.FORBIDDEN)
        except Unavailable as error:
            failure = _FAILURES.get(error.code, Outcome.UNREACHABLE)
            return Answer(None, _since(began), error.message[:_EXCERPT], failure)
        return Answer(
            got.status,
            _since(began),
            _printable(got.body[:_EXCERPT]),
            retry_after=read_retry_after(got.headers.get("retry-after"), datetime.now(UTC)),
        )

    return post


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date; anything else counts as not said."""
    if not value or not value.isascii() or len(value) > 64:
        return None
    if value.strip().isdigit():
        return timedelta(seconds=min(int(value), 10**8))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta())


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _printable(body: bytes) -> str:
    """PostgreSQL text holds no NUL, and a log shows no control characters."""
    text = body.decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text)
