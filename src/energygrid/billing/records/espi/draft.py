"""The records that a feed leaves, collected resource by resource: what it says, laid over what is known."""

from dataclasses import dataclass, field
from typing import Any

from energygrid.billing.records.espi.reading import Homeless
from energygrid.billing.records.facts import AgreementRow, FactRow, Program
from energygrid.billing.records.record import Record, RecordKind

Fields = dict[str, Any]


@dataclass(slots=True)
class _Page:
    """line: of the first resource that told of it; said: what all of them told, by field."""

    line: int
    before: FactRow | None
    row: FactRow
    said: Fields


@dataclass(slots=True)
class Draft:
    pages: dict[str, _Page] = field(default_factory=dict)

    def add(self, line: int, model: type[FactRow], before: FactRow | None, said: Fields, **key: Any) -> None:
        """One resource's part of a record; what it does not say stays as it is known.

        Raises Homeless when the feed has said otherwise before, ValidationError when a rule of such rows is broken.
        """
        row = _laid_over(model, before, said | key)
        record_id = model.id_of(*row.key())
        page = self.pages.get(record_id)
        if page is None:
            self.pages[record_id] = _Page(line, before, row, said)
            return
        if any(page.said.get(name, value) != value for name, value in said.items()):
            raise Homeless("the feed says otherwise of it before")
        page.row = _laid_over(model, page.row, said | key)
        page.said |= said

    def records(self) -> dict[RecordKind, list[Record]]:
        """Those that differ from what is known."""
        found: dict[RecordKind, list[Record]] = {}
        for page in self.pages.values():
            if page.row != page.before:
                found.setdefault(page.row.KIND, []).append(page.row.record(page.line))
        return found


def _laid_over(model: type[FactRow], before: FactRow | None, said: Fields) -> FactRow:
    if before is None:
        return model.model_validate(said)
    there = {name: value for name in model.model_fields if (value := getattr(before, name)) is not None}
    row = model.model_validate(there | said)
    if isinstance(row, AgreementRow) and isinstance(before, AgreementRow) and _as_shown(row) == _as_shown(before):
        return row.model_copy(update={"programs": before.programs})
    return row


def _as_shown(row: AgreementRow) -> list[Any]:
    """Programmes as far as a feed can tell them: a date needs a day or a code, and only a code has a meaning."""
    return [(each.name, each.status, each.description, sorted(_dates(each))) for each in row.programs]


def _dates(program: Program) -> list[tuple[str, ...]]:
    found = []
    for each in program.dates:
        meaning = (each.code, "" if each.name in {None, program.name} else str(each.name), each.note or "")
        if each.date is not None or each.code is not None:
            found.append((each.type, str(each.date or ""), *((meaning[0], *meaning[1:]) if each.code else ())))
    return found
