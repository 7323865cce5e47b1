"""Telling third parties that something they may read has changed (FB_39, FB_69).

Whoever changes something calls one of the first group in its own transaction, or enqueues a job that does. Source:
contracts/greenbutton.md 3.7.
"""

from energygrid.greenbutton.notices.addresses import (
    check,
    endpoint_for,
    find_endpoint,
    rotate_secret,
    set_notify_uri,
)
from energygrid.greenbutton.notices.changes import (
    About,
    application_changed,
    consent_changed,
    customers_changed,
    data_changed,
    readings_written,
    records_written,
)
from energygrid.greenbutton.notices.log import Notice, notice_to, notices_to, resend, resend_missed, test
from energygrid.greenbutton.notices.telling import ready, sweep, tell

__all__ = [
    "About",
    "Notice",
    "application_changed",
    "check",
    "consent_changed",
    "customers_changed",
    "data_changed",
    "endpoint_for",
    "find_endpoint",
    "notice_to",
    "notices_to",
    "readings_written",
    "ready",
    "records_written",
    "resend",
    "resend_missed",
    "rotate_secret",
    "set_notify_uri",
    "sweep",
    "tell",
    "test",
]
