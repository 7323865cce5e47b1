"""What was told, what arrived and what the delivery log says, compared."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

_OPEN = ("/flaky", "/hanging", "/moved")
"""Paths that accept every message sooner or later."""


def is_drained(db: psycopg.Connection[Any]) -> bool:
    waiting = db.execute(
        "SELECT count(*) FROM webhook_delivery WHERE state = 'pending'"
        " UNION ALL SELECT count(*) FROM outbox_event WHERE position IS NULL"
        " UNION ALL SELECT count(*) FROM outbox_position WHERE fanned_out < numbered"
    ).fetchall()
    return not any(row[0] for row in waiting)


def check(db: psycopg.Connection[Any], endpoints: Mapping[str, str], told: Path, received: Path) -> dict[str, Any]:
    """Figures, and under `wrong` one sentence for everything that must not be."""
    committed = {uuid: (int(number), resource) for number, resource, uuid in _lines(told)}
    accepted = [json.loads(line) for line in received.read_text().splitlines()]
    logged = {
        (path, event): (state, reason)
        for path, endpoint in endpoints.items()
        for event, state, reason in db.execute(
            "SELECT event_id, state, reason FROM webhook_delivery WHERE endpoint_id = %s", [endpoint]
        )
    }
    arrived = {(each["path"], each["id"]) for each in accepted}
    wrong = [
        *_lost(committed, endpoints, logged, arrived),
        *(f"{path}: {event} is called delivered and never arrived" for path, event in _untrue(logged, arrived)),
        *(f"{each['path']}: {each['id']} was not signed as it should be" for each in accepted if not each["signed"]),
        *(f"a redirect was followed to {each['path']}" for each in accepted if each["path"] not in endpoints),
        *_changed(accepted),
        *_disordered(accepted, committed),
    ]
    return {
        "accepted": dict(Counter(each["path"] for each in accepted)),
        "twice": len(accepted) - len(arrived),
        "states": {path: dict(_states(logged, path)) for path in endpoints},
        "attempts": db.execute("SELECT count(*) FROM webhook_attempt").fetchone()[0],  # type: ignore[index]
        "wrong": wrong,
    }


def _lines(file: Path) -> list[list[str]]:
    return [line.split(" ") for line in file.read_text().splitlines()]


def _lost(committed: Any, endpoints: Any, logged: Any, arrived: Any) -> list[str]:
    """Committed events that neither arrived nor are dead letters; at an open path nothing may be dead."""
    found = []
    for event in committed:
        for path in endpoints:
            state, reason = logged.get((path, event), (None, None))
            if path == "/gone" and state is None:
                continue  # told after the endpoint had been given up
            if state == "delivered" or (state == "dead" and path not in _OPEN):
                continue
            found.append(f"{path}: {event} is {state} ({reason}), arrived: {(path, event) in arrived}")
    return found


def _untrue(logged: Any, arrived: Any) -> list[tuple[str, str]]:
    return [at for at, (state, _) in logged.items() if state == "delivered" and at not in arrived]


def _changed(accepted: list[dict[str, Any]]) -> list[str]:
    """Messages whose bytes differed between two attempts, or between their id and their body."""
    bodies = defaultdict(set)
    for each in accepted:
        bodies[each["id"]].add(each["body"])
    return [
        f"{event} had {len(seen)} bodies or another uuid in them"
        for event, seen in bodies.items()
        if len(seen) > 1 or json.loads(next(iter(seen)))["uuid"] != event
    ]


def _disordered(accepted: list[dict[str, Any]], committed: Mapping[str, tuple[int, str]]) -> list[str]:
    """First arrivals of one resource's messages at one path that came in another order than they were told."""
    seen: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], int] = {}
    found = []
    for each in accepted:
        if (each["path"], each["id"]) in seen or each["id"] not in committed:
            continue
        seen.add((each["path"], each["id"]))
        number, resource = committed[each["id"]]
        before = last.get((each["path"], resource), -1)
        if number < before:
            found.append(f"{each['path']}: {number} of {resource} came after {before}")
        last[each["path"], resource] = max(number, before)
    return found


def _states(logged: Any, path: str) -> Counter[str]:
    return Counter(f"{state} {reason or ''}".strip() for (at, _), (state, reason) in logged.items() if at == path)
