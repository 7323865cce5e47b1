"""Checking a file on the portal."""

from typing import Any

import pytest
from tests.surfaces.portal.conftest import Browser

EMPTY = b"""<feed xmlns="http://www.w3.org/2005/Atom"><id>x</id><title>t</title><updated>2026-01-01T00:00:00Z</updated>
<entry><id>y</id><title>UsagePoint</title><content><UsagePoint xmlns="http://naesb.org/espi"/></content></entry></feed>"""
BOMB = b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><feed xmlns="http://www.w3.org/2005/Atom">&d;</feed>'


def upload(browser: Browser, content: bytes | None, name: str = "feed.xml", **fields: str) -> Any:
    files = {"file": (name, content, "application/xml")} if content is not None else {}
    return browser.submit(browser.get("/check"), "/check", fields, files=files or {"none": ("", b"")})


def test_a_broken_file_is_explained_finding_by_finding(ann: Browser):
    page = upload(ann, EMPTY)
    assert page.status_code == 200
    assert "It breaks rules: feed.xml" in page.text
    assert "What to do:" in page.text
    assert "line 2" in page.text


def test_the_own_data_keep_the_rules(ann: Browser):
    page = upload(ann, None, own="yes")
    assert "It keeps the rules: your own feed" in page.text, page.text
    assert "<strong>0</strong><span>errors</span>" in page.text


@pytest.mark.parametrize("content", [b"", b"not xml", BOMB, b"\x00\xff" * 100])
def test_what_is_no_document_is_a_finding(ann: Browser, content: bytes):
    page = upload(ann, content)
    assert page.status_code in {200, 400}
    assert "It keeps the rules" not in page.text


def test_a_file_must_be_chosen(ann: Browser):
    page = upload(ann, None)
    assert page.status_code == 400
    assert 'href="#file"' in page.text


def test_a_file_that_is_too_large_is_refused_while_it_arrives(ann: Browser):
    page = upload(ann, b" " * (33 << 20))
    assert page.status_code == 413


def test_names_and_contents_are_shown_as_text(ann: Browser):
    evil = EMPTY.replace(b"<title>t</title>", b"<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>")
    page = upload(ann, evil, name="<script>alert(2).xml")
    assert "<script>alert" not in page.text


def test_only_people_who_signed_in_may_check(browser: Browser):
    assert browser.get("/check").status_code == 303
    answer = browser.http.post("/check", files={"file": ("f", EMPTY)}, follow_redirects=False)
    assert answer.status_code == 303
