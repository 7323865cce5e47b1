"""Bodies and answers about assets. Source: contracts/flexibility.md 1.3."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from energygrid.flexibility.registry.creation import NewAsset
from energygrid.flexibility.registry.location import Location
from energygrid.flexibility.registry.views import View
from energygrid.flexibility.runs.accuracy import Quality
from energygrid.surfaces.flex.fields import ASSET, PORTFOLIO, SCHEME, Given, Line, Name, State, example
from energygrid.surfaces.flex.wire import In, Instant, Out

Mpan = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f]*$")]
MpanStatus = Literal["PENDING", "VALID", "INVALID"]

CREATE_EXAMPLE = {
    "userId": "anna",
    "assetId": "1012345678903",
    "name": "Anna's home",
    "assetType": "SMARTMETER",
    "locationPostcode": "NE8 1AA",
    "locationBuildingNoOrName": "1",
    "locationAddress": "High Street, Gateshead",
    "locationLatitude": "54.9627",
    "locationLongitude": "-1.6019",
    "eventSchemeUUID": SCHEME,
}
READ_EXAMPLE = {
    "uuid": ASSET,
    "assetId": "1012345678903",
    "name": "Anna's home",
    "assetType": "SMARTMETER",
    "archived": False,
    "installationDate": None,
    "createdAt": "2026-01-05T09:00:00.000Z",
    "updatedAt": "2026-01-05T09:00:01.000Z",
    "userId": "anna",
    "mpan": "1012345678903",
    "exportMpan": None,
    "mpanStatus": "VALID",
    "mpanReason": None,
    "location": {
        "postcode": "NE8 1AA",
        "buildingNoOrName": "1",
        "address": "High Street, Gateshead",
        "latitude": "54.9627",
        "longitude": "-1.6019",
    },
    "hhSettled": False,
    "bmuId": None,
    "portfolioUUID": PORTFOLIO,
    "schemes": [{"uuid": SCHEME, "state": "READY"}],
    "firstReadingAt": "2025-11-06T00:00:00.000Z",
    "lastReadingAt": "2026-01-15T23:30:00.000Z",
    "zone": "Europe/London",
    "sandbox": None,
    "baselineQuality": {"method": "BL01", "cvrmse": 0.1109, "nmbe": -0.0069, "mape": 0.0912, "n": 112},
}


class AssetIn(In):
    """`mpan` is the import MPAN; without it, an `assetId` of 13 or 21 digits is."""

    model_config = example(CREATE_EXAMPLE)

    user_id: Name
    asset_id: Name
    name: Name
    asset_type: Literal["SMARTMETER"]
    location_postcode: Name
    location_building_no_or_name: Name
    location_address: Line
    location_latitude: Line | None = None
    location_longitude: Line | None = None
    installation_date: Given | None = None
    event_scheme_uuid: Annotated[UUID | None, Field(description="Opt it straight into this scheme.")] = None
    event_scheme_opted_in_date_time: Annotated[
        Given | None, Field(description="When its user did; by default now.")
    ] = None
    mpan: Mpan | None = None
    export_mpan: Mpan | None = None
    hh_settled: bool = False
    bmu_id: Line | None = None

    def asset(self) -> NewAsset:
        return NewAsset(
            user_id=self.user_id,
            asset_id=self.asset_id,
            name=self.name,
            location=Location(
                self.location_postcode,
                self.location_building_no_or_name,
                self.location_address,
                self.location_latitude,
                self.location_longitude,
            ),
            asset_type=self.asset_type,
            installed_at=self.installation_date,
            mpan=self.mpan,
            export_mpan=self.export_mpan,
            hh_settled=self.hh_settled,
            bmu_id=self.bmu_id,
            scheme_uuid=self.event_scheme_uuid,
            opted_in_at=self.event_scheme_opted_in_date_time,
        )


class AssetPatch(In):
    """Members that are left out stay as they are; null takes a coordinate, `exportMpan` or `bmuId` away."""

    model_config = example({"name": "Anna's flat", "hhSettled": True})

    name: Name = ""
    location_postcode: Name = ""
    location_building_no_or_name: Name = ""
    location_address: Line = ""
    location_latitude: Line | None = None
    location_longitude: Line | None = None
    export_mpan: Mpan | None = None
    hh_settled: bool = False
    bmu_id: Line | None = None

    def values(self) -> dict[str, object]:
        """Of the asset itself, what is given."""
        return {
            name: getattr(self, name)
            for name in ("name", "export_mpan", "hh_settled", "bmu_id")
            if name in self.model_fields_set
        }

    def place(self) -> dict[str, str | None]:
        """Of its location, what is given."""
        return {member: getattr(self, name) for member, name in _PLACE.items() if name in self.model_fields_set}


_PLACE = {
    "postcode": "location_postcode",
    "building": "location_building_no_or_name",
    "address": "location_address",
    "latitude": "location_latitude",
    "longitude": "location_longitude",
}


class LocationOut(Out):
    postcode: str
    building_no_or_name: str
    address: str
    latitude: str | None = None
    longitude: str | None = None


class InSchemeOut(Out):
    uuid: UUID
    state: State


class BaselineQualityOut(Out):
    """How well the baselines fit that it is paid by: shares (0.2 is 20 %) over `n` half-hours of placebo days."""

    method: str
    cvrmse: float | None
    nmbe: float | None
    mape: float | None
    n: int


class AssetOut(Out):
    """`sandbox` says of a synthetic meter what it is made of; null: a real one.

    `firstReadingAt` and `lastReadingAt` are the starts of its first and last half-hour. `baselineQuality` is what
    getAssetBaselineAccuracy tells of the first of the tenant's rule sets; null until that is measured.
    """

    model_config = example(READ_EXAMPLE)

    uuid: UUID
    asset_id: str
    name: str
    asset_type: str
    archived: bool
    installation_date: Instant | None
    created_at: Instant
    updated_at: Instant
    user_id: str
    mpan: str | None
    export_mpan: str | None
    mpan_status: MpanStatus
    mpan_reason: str | None
    location: LocationOut
    hh_settled: bool
    bmu_id: str | None
    portfolio_uuid: UUID | None
    schemes: list[InSchemeOut]
    first_reading_at: Instant | None
    last_reading_at: Instant | None
    zone: str
    sandbox: str | None
    baseline_quality: BaselineQualityOut | None

    @classmethod
    def of(cls, view: View, quality: Quality | None) -> "AssetOut":
        asset, place = view.asset, view.place
        first, last = view.readings or (None, None)
        return cls(
            **{name: getattr(asset, name) for name in _SAME},
            installation_date=asset.installed_at,
            location=LocationOut(
                postcode=place.postcode,
                building_no_or_name=place.building,
                address=place.address,
                latitude=place.latitude,
                longitude=place.longitude,
            ),
            schemes=[InSchemeOut(uuid=uuid, state=state) for uuid, state in view.schemes],
            first_reading_at=first,
            last_reading_at=last,
            baseline_quality=None if quality is None else BaselineQualityOut(**quality._asdict()),
        )


_SAME = (
    "uuid",
    "asset_id",
    "name",
    "asset_type",
    "archived",
    "created_at",
    "updated_at",
    "user_id",
    "mpan",
    "export_mpan",
    "mpan_status",
    "mpan_reason",
    "hh_settled",
    "bmu_id",
    "portfolio_uuid",
    "zone",
    "sandbox",
)


class ArchivedOut(Out):
    model_config = example({"uuid": ASSET, "archived": True})

    uuid: UUID
    archived: bool
