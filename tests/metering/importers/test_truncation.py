"""A file cut anywhere: nothing but a DomainError, and never a value that the whole file does not have."""

import pytest

from energygrid.errors import DomainError

CSV = (
    "AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit\n"
    "A,S,M10,6/3/2024 0:00,0.512\nA,S,M10,6/3/2024 0:15,10.250\nA,S,M10,6/3/2024 0:30,3\nA,S,M20,6/13/2024,12.75\n"
)
WIDE = (
    "MeterID,TotalUnit,AccountNumber,ExternalSiteID,TimeStamp,EndTimeStamp\n"
    "M10,0.512,A,S,6/3/2024 1:00,6/3/2024 1:15\nM10,0.512,A,S,6/3/2024 1:15,6/3/2024 1:30\n"
)
QUOTED = '"AccountNumber","ExternalSiteID","MeterID","TimeStamp","TotalUnit"\r\n"A","S","M10","6/3/2024","0.512"\r\n'
DAY = ",".join(f"{at}.25" for at in range(48))
NEM12 = (
    "100,NEM12,202403020000,MDP1,RETAIL1\n200,NMA0000001,E1B1,1,E1,N1,MET01,KWH,30,20250101\n"
    f"300,20240301,{DAY},A,,,20240302010000,\n300,20240302,{DAY},V,,,20240303010000,\n400,1,20,A,,\n400,21,48,S14,76,\n"
    "500,N,,20240302083000,1234.5\n900\n"
)
NEM13 = (
    "100,NEM13,202404010000,MDP1,RETAIL1\n"
    "250,NMA0000001,11,1,11,11,MET01,E,1000.5,20240101083000,A,,,1300,20240401083000,E64,,,299.5,KWH,,20240402000000,\n"
    "550,N,,N,\n900\n"
)
CMEP = (
    "MEPMD01,19970819,U,,P,,202511210600,M100,OK,E,KWH,1,00000100,2,202511200100,R0,0.512,,R0,0.498\n"
    "MEPMD01,19970819,U,,P,,202511210600,M100,OK,E,KWHREG,1,00000000,1,202511200200,R0,10452.010\n"
)


def facts(read):
    rows = {(k, start, value, q, label) for k, start, value, q, label, _ in read.rows}
    return rows | {(k, at, value, q) for k, at, value, q, _ in read.registers}


@pytest.mark.parametrize(
    ("importer", "text"),
    [
        ("energygrid", CSV),
        ("energygrid", WIDE),
        ("energygrid", QUOTED),
        ("nem12", NEM12),
        ("nem13", NEM13),
        ("cmep", CMEP),
    ],
)
def test_a_cut_file_gives_no_wrong_value(read, importer, text):
    whole = facts(read(importer, text))
    assert whole
    for at in range(len(text)):
        try:
            cut = read(importer, text[:at])
        except DomainError:
            continue
        assert facts(cut) <= whole, text[:at][-60:]


@pytest.mark.parametrize(
    ("importer", "text"),
    [("energygrid", CSV), ("nem12", NEM12), ("nem13", NEM13), ("cmep", CMEP)],
)
@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b'"', b"\n", b",", b"\xc3", b"9"])
def test_a_damaged_byte_raises_nothing_but_a_domain_error(read, importer, text, byte):
    for at in range(0, len(text), 3):
        data = text.encode()
        try:
            read(importer, data[:at] + byte + data[at + 1 :])
        except DomainError:
            continue
