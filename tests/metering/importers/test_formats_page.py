"""docs/formats.md is the reference of every code: it must name each one, and name none that is not used."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = re.compile(r"[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+")


def test_the_page_names_exactly_the_codes_that_importers_use():
    code = ROOT / "src/energygrid"
    sources = [*(code / "metering/importers").glob("*.py"), code / "billing/records/espi/taking.py"]
    used = {
        code for path in sources for code in re.findall(r'"([A-Z0-9_]+)"', path.read_text()) if CODE.fullmatch(code)
    }
    page = (ROOT / "docs/formats.md").read_text()
    named = {code for code in re.findall(r"`([A-Z0-9_]+)`", page) if CODE.fullmatch(code)}
    assert named == used
    assert "`SCHEMA`" in page
