"""The publicly known client of this API, as far as the wire shows it: what it sends, and what it reads.

Written from its behaviour, not from its text. It refuses any status but the one it expects, and reads lists by page
until `currentPage` is no longer below `totalPages`. Source: contracts/flexibility.md 1.1 and 1.2, rows of source C.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient


class Refused(Exception):
    """`message` and `error` of the body, which is all that the client reads of an error."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(body["message"], body["error"])


@dataclass(frozen=True)
class KnownClient:
    http: TestClient
    api_key: str
    tenant: str

    def __post_init__(self) -> None:
        UUID(self.tenant)

    def request(self, method: str, path: str, expect: int, json: Any = None) -> Any:
        headers = {
            "tenant": self.tenant,
            "x-api-key": self.api_key,
            "Content-Type": "application/json",
            "x-api-version": "1.0",
        }
        answer = self.http.request(method, path, headers=headers, **({} if json is None else {"json": json}))
        if answer.status_code != expect:
            raise Refused(answer.json())
        return answer.json()

    def pages(self, path: str, chunk: int) -> Iterator[list[dict[str, Any]]]:
        page = 1
        while True:
            body = self.request("GET", f"{path}?page={page}&pageSize={chunk}", 200)
            assert set(body) == {"items", "pagination"}, "it hands both on as arguments, and knows no other"
            yield body["items"]
            if body["pagination"]["currentPage"] >= body["pagination"]["totalPages"]:
                return
            page += 1

    def create_user(self, user_id: str) -> Any:
        return self.request("POST", "/api/v1/users", 201, {"userId": user_id})

    def create_asset(self, **asset: Any) -> Any:
        return self.request("POST", "/api/v1/assets", 201, _whole(asset))

    def create_bulk_assets(self, assets: Sequence[Mapping[str, Any]]) -> Any:
        return self.request("POST", "/api/v1/assets/bulk", 201, {"assets": [_whole(each) for each in assets]})

    def get_assets(self, chunk: int = 100) -> Iterator[list[dict[str, Any]]]:
        return self.pages("/api/v1/assets", chunk)

    def archive_asset(self, uuid: str) -> bool:
        self.request("DELETE", f"/api/v1/assets/{uuid}", 200)
        return True

    def get_scheme_list(self) -> Any:
        return self.request("GET", "/api/v1/event-schemes", 200)

    def scheme_asset_opt_in(self, scheme: str, assets: list[str], status: str) -> Any:
        body = {"statuses": [{"assetUUIDs": assets, "status": status}]}
        return self.request("POST", f"/api/v1/event-schemes/{scheme}/assets-optin", 201, body)

    def scheme_asset_opt_out(self, assets: list[str]) -> Any:
        return self.request("POST", "/api/v1/event-schemes/assets/opt-out", 201, {"assetUUIDs": assets})

    def get_scheme_assets(self, scheme: str, chunk: int = 100) -> Iterator[list[dict[str, Any]]]:
        return self.pages(f"/api/v1/event-schemes/{scheme}/assets", chunk)

    def send_energy_readings(self, readings: list[dict[str, Any]]) -> Any:
        return self.request("POST", "/api/v1/energy-consumption", 201, readings)


_MEMBERS = (
    "userId",
    "assetId",
    "eventSchemeUUID",
    "name",
    "assetType",
    "installationDate",
    "locationPostcode",
    "locationBuildingNoOrName",
    "locationAddress",
    "locationLatitude",
    "locationLongitude",
)


def _whole(asset: Mapping[str, Any]) -> dict[str, Any]:
    """Every member; what is not given is null, which its newer versions leave out."""
    return {name: asset.get(name) for name in _MEMBERS}
