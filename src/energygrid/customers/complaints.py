"""What is wrong, or merely odd, about a customer payload: values, so that one answer can list them all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from energygrid.errors import Invalid

_MOST_LISTED = 20
_UNION_BRANCHES = frozenset({"int", "str", "constrained-str", "constrained-int", "function-before[_whole_number()]"})
_SENTENCES = {
    "model_type": "must be an object",
    "list_type": "must be an array",
    "string_type": "must be a text",
    "int_type": "must be a whole number or an identifier",
    "bool_type": "must be true or false",
    "string_pattern_mismatch": "holds a character that is not allowed, or is empty or too long",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a payload is refused."""

    field: str
    message: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What the sender of an accepted payload should know; `code` is stable."""

    code: str
    field: str
    message: str


def complaints_of(error: ValidationError) -> list[Complaint]:
    """One complaint a field, in the payload's order; null where a value is required counts as missing."""
    return complaints_in(error.errors(include_url=False, include_context=False))


def complaints_in(faults: Iterable[Mapping[str, Any]]) -> list[Complaint]:
    """The same, of errors as pydantic lists them."""
    complaints: dict[str, Complaint] = {}
    for fault in faults:
        field = _path(fault["loc"])
        missing = fault["type"] == "missing" or (fault["input"] is None and field != "")
        message = "is missing" if missing else _SENTENCES.get(fault["type"], fault["msg"])
        complaints.setdefault(field, Complaint(field, message, missing=missing))
    return list(complaints.values())


def invalid(complaints: Sequence[Complaint]) -> Invalid:
    """One error for all complaints: MISSING_FIELD when anything is absent, else INVALID_PAYLOAD."""
    first = next((one for one in complaints if one.missing), complaints[0])
    listed = [{"field": one.field, "message": one.message} for one in complaints[:_MOST_LISTED]]
    code = "MISSING_FIELD" if first.missing else "INVALID_PAYLOAD"
    return Invalid(code, f"{first.field or 'the payload'} {first.message}", errors=listed)


def _path(loc: tuple[int | str, ...]) -> str:
    """`customerSites[0].meters[1].rateCode`; the branches of a union are not part of it."""
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in _UNION_BRANCHES:
            path += f".{step}" if path else step
    return path
