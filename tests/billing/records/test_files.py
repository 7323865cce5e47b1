"""Billing files row by row: what is understood, what is refused and with which line (docs/formats-billing.md)."""

import io
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.billing.records.files import read
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.values import DateRules
from energygrid.errors import Invalid
from energygrid.ingest.rows import Note, Reject

MCH = (
    b"ContractAccount,MeterID,BillingStart,BillingEnd,TotalConsumption,UnitOfMeasure,Cost,TaxAmount,MeterEffectiveDate\n"
    b"910020087577,5532879,2025-01-03,2025-01-30,612.5,kWh,81.20,4.87,2017-03-01\n"
)


def found(body: bytes, kind: str = "mch", rules: DateRules = DateRules()) -> list[Record | Reject | Note]:  # noqa: B008
    return list(read(io.BytesIO(body), RecordKind(kind), rules, "USD"))


def only(body: bytes, kind: str = "mch", rules: DateRules = DateRules()) -> Record:  # noqa: B008
    (record,) = found(body, kind, rules)
    assert isinstance(record, Record)
    return record


def test_a_contract_history_row() -> None:
    """The columns of contracts/powerbox.md 1.7; the end is stored half-open (C30)."""
    columns = only(MCH).columns
    assert (columns["start_date"], columns["end_date"]) == (date(2025, 1, 3), date(2025, 1, 31))
    assert columns["consumption"] == Decimal("612.5")
    assert (columns["cost"], columns["tax"], columns["total"]) == (
        Decimal("81.20"),
        Decimal("4.87"),
        Decimal("86.07"),
    )


def test_names_are_matched_without_regard_to_their_writing() -> None:
    other = MCH.replace(b"ContractAccount", b"contract_account").replace(b"BillingStart", b"Billing Start")
    assert only(other).fingerprint == only(MCH).fingerprint


def test_json_lines_and_an_array_say_the_same_as_csv() -> None:
    one = (
        b'{"contractAccount":"910020087577","meterId":"5532879","billingStart":"2025-01-03","billingEnd":"2025-01-30",'
        b'"totalConsumption":612.5,"unitOfMeasure":"kWh","cost":"81.20","taxAmount":4.87,'
        b'"meterEffectiveDate":"2017-03-01"}'
    )
    assert only(one).fingerprint == only(MCH).fingerprint
    assert only(b"\n[" + one + b"]").fingerprint == only(MCH).fingerprint


def test_charge_and_tax_columns_are_line_items() -> None:
    body = (
        b"ContractAccount,MeterID,BillingStart,BillingEnd,TotalConsumption,Cost,Charge:Energy,Charge:Delivery,Tax:State\n"
        b"1,2,2025-01-01,2025-01-31,10,3.00,2.00,1.00,0.18\n"
    )
    record = only(body)
    assert [(line.kind, line.name, line.amount) for line in record.lines] == [
        ("OTHER", "Energy", Decimal("2.00")),
        ("OTHER", "Delivery", Decimal("1.00")),
        ("TAX", "State", Decimal("0.18")),
    ]
    assert record.columns["total"] == Decimal("3.18")


INVOICES = (
    b"InvoiceNumber,ContractAccount,BillingStart,BillingEnd,TotalAmount,LineKind,LineName,LineAmount\n"
    b"I1,1,2025-01-01,2025-01-31,11.00,ENERGY,Usage,10.00\n"
    b"I1,1,2025-01-01,2025-01-31,11.00,TAX,Tax,1.00\n"
    b"I2,1,2025-02-01,2025-02-28,5.00,FIXED,Service,4.00\n"
)


def test_taxes_alone_are_no_account_of_the_total() -> None:
    head = b"ContractAccount,MeterID,BillingStart,BillingEnd,TotalConsumption,Cost,Tax:City\n"
    (record,) = found(head + b"A1,M1,2025-01-01,2025-01-31,500,60.00,1.50\n", "mch")
    assert isinstance(record, Record)
    assert str(record.columns["total"]) == "61.50"


def test_rows_of_one_invoice_become_one_bill_with_lines() -> None:
    first, second, note = found(INVOICES, "invoice")
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert [line.name for line in first.lines] == ["Usage", "Tax"]
    assert (first.row, second.row) == (2, 4)
    assert isinstance(note, Note)
    assert (note.code, note.row) == ("LINES_DO_NOT_SUM", 4)


def test_rows_of_an_invoice_that_are_not_together_are_refused() -> None:
    late = b"I1,1,2025-01-01,2025-01-31,11.00,TAX,More,1.00\n"
    last = found(INVOICES + late, "invoice")[-1]
    assert isinstance(last, Reject)
    assert (last.code, last.row) == ("INVOICE_SPLIT", 5)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ((b"81.20", b"8,1.20"), "WRONG_FIELD_COUNT", "10 fields instead of 9"),
        ((b"81.20", b'"1,081.20"'), "INVALID_VALUE", "thousands"),
        ((b"81.20", b"8e1"), "INVALID_VALUE", "exponent"),
        ((b"81.20", b""), "MISSING_FIELD", "cost"),
        ((b"2025-01-30", b"2025-01-02"), "INVALID_VALUE", "before BillingStart"),
        ((b"2025-01-30", b"2025-02-30"), "INVALID_VALUE", "billingend"),
        ((b"2025-01-30", b"1/30/2025"), "INVALID_VALUE", "date order"),
        ((b"910020087577", b"91 00"), "INVALID_VALUE", "contractaccount"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_reason(change: tuple[bytes, bytes], code: str, says: str) -> None:
    good = b"910020087578,5532880,2025-01-03,2025-01-30,1,kWh,1,,\n"
    bad, record = found(MCH.replace(*change) + good)
    assert isinstance(bad, Reject)
    assert isinstance(record, Record)
    assert (bad.row, bad.code) == (2, code)
    assert says in bad.message


def test_slashed_dates_follow_the_tenants_order_and_are_never_guessed() -> None:
    body = MCH.replace(b"2025-01-03,2025-01-30", b"3/1/2025,30/1/2025")
    assert only(body, rules=DateRules("DMY")).columns["start_date"] == date(2025, 1, 3)
    (refused,) = found(body, rules=DateRules("MDY"))
    assert isinstance(refused, Reject)


def test_the_same_record_twice_is_a_note_and_with_other_content_a_reject() -> None:
    line = MCH.splitlines()[1] + b"\n"
    _, repeated = found(MCH + line)
    assert isinstance(repeated, Note)
    _, refused = found(MCH + line.replace(b"81.20", b"82.20"))
    assert isinstance(refused, Reject)
    assert refused.code == "DUPLICATE_RECORD"


@pytest.mark.parametrize(
    "body",
    [b"", b"\n\n", b"MeterID,Cost\n1,2\n", b"[{]", b"ContractAccount,contract_account\n", b"\xff\xfe\x00", b"[1"],
)
def test_what_is_no_such_file_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Invalid) as error:
        found(body)
    assert error.value.code == "BAD_FILE"


def test_a_broken_line_of_ndjson_is_one_reject() -> None:
    first, second = found(b'{"a":\n[1]\n')
    assert isinstance(first, Reject)
    assert isinstance(second, Reject)
    assert (first.code, second.row) == ("MALFORMED_JSON", 2)


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_complaints(body: bytes) -> None:
    for kind in RecordKind:
        for start in (b"", MCH, b"[", b"{"):
            with suppress(Invalid):
                list(read(io.BytesIO(start + body), kind, DateRules("MDY"), "USD"))
