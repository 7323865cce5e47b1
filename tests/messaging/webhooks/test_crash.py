"""Webhooks to a receiver process that fails, hangs, redirects and leaves, under `kill -9` of worker and database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
ROUNDS = 4

pytestmark = pytest.mark.xdist_group("crash")


def test_nothing_is_lost_all_is_in_order_and_what_did_not_arrive_is_listed_as_dead(tmp_path: Path) -> None:
    """The report names the seed; `python -m bench.webhook_crash --seed ...` makes the same choices again."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "bench.webhook_crash", "--json", "--keep", str(tmp_path)),
            *("--rounds", str(ROUNDS), "--messages", "48"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert result.stdout, result.stderr
    report = json.loads(result.stdout)
    assert report["wrong"] == [], report
    assert report["unclean"] == [], report
    assert sum(report["kills"].values()) == ROUNDS
    for path in ("/flaky", "/hanging", "/moved"):
        assert report["states"][path] == {"delivered": 48}
    assert "dead EXHAUSTED" in report["states"]["/picky"]
    assert report["states"]["/gone"]["dead GONE"] >= 1
    assert result.returncode == 0
