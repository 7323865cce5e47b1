"""One webhook request over the guarded outgoing client."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from energygrid.access.addresses import AllowList
from energygrid.access.caller import Tenant
from energygrid.access.outgoing import OutgoingClient
from energygrid.errors import Invalid, Unavailable
from energygrid.messaging.webhooks.delivery import Post
from energygrid.messaging.webhooks.messages import Message
from energygrid.messaging.webhooks.retry import Answer, Outcome, Plan
from energygrid.settings import Settings

_READ = 16_384

_FAILURES = {"UPSTREAM_TIMEOUT": Outcome.TIMED_OUT}


@lru_cache(maxsize=8)
def guarded_client(allow: tuple[str, ...], *, allow_http: bool, loopback: bool = False) -> OutgoingClient:
    """Kept for the process: it reads the machine's certificate authorities."""
    return OutgoingClient(AllowList.of(allow), allow_http=allow_http, loopback=loopback)


def client_of(settings: Settings, tenant: Tenant) -> OutgoingClient:
    """What webhooks of this tenant may reach: on a sandbox installation its sandbox also reaches this machine."""
    return guarded_client(
        tuple(settings.outgoing_allow),
        allow_http=settings.outgoing_http,
        loopback=settings.environment == tenant.environment == "sandbox",
    )


def poster(client: OutgoingClient, timeout: timedelta | None = None) -> Post:
    """How `delivery.deliver` posts: every way a request can end becomes an `Answer`.

    timeout  instead of the plan's
    """

    def post(url: str, message: Message, plan: Plan) -> Answer:
        began = time.monotonic()
        try:
            got = client.request(
                "POST",
                url,
                message.headers,
                message.body,
                timeout=(timeout or plan.timeout).total_seconds(),
                max_bytes=_READ,
                cut=True,
            )
        except Invalid as error:
            return Answer(None, _since(began), error.message[: plan.excerpt], Outcome.FORBIDDEN)
        except Unavailable as error:
            failure = _FAILURES.get(error.code, Outcome.UNREACHABLE)
            return Answer(None, _since(began), error.message[: plan.excerpt], failure)
        return Answer(
            got.status,
            _since(began),
            _printable(got.body)[: plan.excerpt],
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
