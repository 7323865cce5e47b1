"""Addresses that a browser is sent back to.

`iss` names who answers, so that a client with several servers cannot be fooled about it. Source: RFC 6749 sections
4.1.2 and 4.1.2.1; RFC 9207.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def answer_url(redirect_uri: str, issuer: str, state: bytes | None, facts: Mapping[str, str]) -> str:
    """The registered address with the answer added to its query; `state` comes back byte for byte."""
    query = urlencode(facts, quote_via=quote, safe="")
    if state is not None:
        query += f"&state={quote(state, safe='')}"
    query += f"&iss={quote(issuer, safe='')}"
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}"
