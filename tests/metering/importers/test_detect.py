"""Which importer a file is for."""

import io
import zipfile
from datetime import UTC, datetime

import pytest

from energygrid.errors import Invalid
from energygrid.metering.importers.detect import IMPORTERS, importer_for, read_file
from energygrid.metering.importers.options import ImportOptions


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit\n", "energygrid"),
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


class Pipe(io.RawIOBase):
    """Bytes that come once: no going back."""

    def __init__(self, data):
        self._inside = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._inside.readinto(buffer)


CSV = b"AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit\nA,S,M1,1/2/2017,1.5\n"
FEED = (
    b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><content>'
    b'<UsagePoint xmlns="http://naesb.org/espi"/></content></entry></feed>'
)


def zipped(data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ACME_03062024_Electric.csv", data)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [bytes, zipped])
@pytest.mark.parametrize("open_", [io.BytesIO, Pipe])
@pytest.mark.parametrize(("data", "readings"), [(CSV, 1), (FEED, 0), (FEED + b"\n" * (17 << 20), 0)])
def test_any_file_is_read_plain_or_zipped_from_disk_or_pipe(open_, pack, data, readings):
    options = ImportOptions(
        zone="UTC", now=datetime(2026, 1, 1, tzinfo=UTC), name="ACME_03062024_Electric.csv", date_order="MDY"
    )
    if pack is zipped and len(data) > 1 << 20:
        with pytest.raises(Invalid, match="honestly"):
            list(read_file(open_(pack(data)), options))
        return
    steps = list(read_file(open_(pack(data)), options))
    assert sum(len(step.readings) for step in steps if step.readings is not None) == readings


def test_a_pipe_has_a_limit():
    options = ImportOptions(zone="UTC", now=datetime(2026, 1, 1, tzinfo=UTC), max_bytes=100)
    for data in (FEED, zipped(CSV), CSV * 2):
        with pytest.raises(Invalid) as raised:
            list(read_file(Pipe(data), options))
        assert raised.value.code == "FILE_TOO_LARGE"
