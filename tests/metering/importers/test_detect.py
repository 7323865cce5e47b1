"""Which importer a file is for."""

import pytest

from energygrid.errors import Invalid
from energygrid.metering.importers.detect import IMPORTERS, importer_for


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit\n", "energygrid_csv"),
        (b"100,NEM12,202401010000,A,B\n", "nem12"),
        (b"\xef\xbb\xbf100,NEM13,202401010000,A,B\n", "nem13"),
        (b"MEPMD01,19970819,", "cmep"),
        (b'<?xml version="1.0"?><f:feed xmlns:f="http://www.w3.org/2005/Atom">', "espi"),
        (b'<entry xmlns="http://www.w3.org/2005/Atom">', "espi"),
    ],
)
def test_the_first_bytes_tell(head, name):
    assert name == importer_for(head, "whatever.dat").NAME
    assert sum(importer.sniff(head, "") for importer in IMPORTERS.values()) == 1


def test_a_named_format_is_taken_at_its_word():
    assert importer_for(b"", "", "nem12").NAME == "nem12"


@pytest.mark.parametrize(
    ("head", "format_"), [(b"", "auto"), (b"a,b,c\n1,2,3\n", "auto"), (b"%PDF", "auto"), (b"", "x12")]
)
def test_what_nobody_reads_is_unsupported(head, format_):
    with pytest.raises(Invalid) as raised:
        importer_for(head, "x.csv", format_)
    assert raised.value.code == "UNSUPPORTED_FORMAT"
