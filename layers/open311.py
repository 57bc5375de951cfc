"""Open311 GeoReport v2: services, requests and errors as its clients read them, in JSON and XML.

http://wiki.open311.org/GeoReport_v2/ names the elements; their order and the roots' names are from there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from geodata.code_table import CodeEntry, CodeTable

ENDED = ("rejected", "closed", "force_closed", "cancelled")
STATES_ZH = {
    "reported": "待受理",
    "verifying": "核实中",
    "pending_register": "待立案",
    "pending_dispatch": "待派遣",
    "pending_handle": "待处置",
    "handling": "处置中",
    "suspended": "挂账",
    "pending_check": "待核查",
    "checking": "核查中",
    "pending_close": "待结案",
    "returned": "已回退",
    "rejected": "不予受理",
    "closed": "已结案",
    "force_closed": "强制结案",
    "cancelled": "已作废",
}
MEDIA = {"json": "application/json", "xml": "text/xml"}

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """A list of records, with the names of its XML elements; a definition stands alone in XML."""

    root: str
    item: str
    records: Sequence[Record]

    def written(self, form: str) -> bytes:
        """The listing as ``json`` or ``xml``."""
        if form == "json":
            return json.dumps(list(self.records), ensure_ascii=False).encode()
        root = ElementTree.Element(self.root)
        for record in self.records:
            _append(root, self.item, record)
        return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _append(parent: ElementTree.Element, name: str, value: Any) -> None:
    node = ElementTree.SubElement(parent, name)
    if isinstance(value, Mapping):
        for key, part in value.items():
            _append(node, key, part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            _append(node, name.removesuffix("s"), part)
    elif value is not None:
        node.text = str(value)


def discovery(address: str) -> Record:
    """Where the services are; ``address`` is the program's own, such as https://ioc.example."""
    return {
        "changeset": "2026-11-21T00:00:00+08:00",
        "contact": "",
        "key_service": "ioc feeds source add NAME --scope cases",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2",
                "url": f"{address}/open311/v2",
                "changeset": "2026-11-21T00:00:00+08:00",
                "type": "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }


def discovery_document(address: str, form: str) -> bytes:
    """The discovery document, which is one record and no list."""
    if form == "json":
        return json.dumps(discovery(address)).encode()
    root = ElementTree.Element("discovery")
    for key, value in discovery(address).items():
        _append(root, key, value)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def services() -> Listing:
    """Every matter of GB/T 47678.5-2026 is a service."""
    matters = CodeTable.load("event").of_edition("2026")
    return Listing("services", "service", [_service(one) for one in matters])


def _service(matter: CodeEntry) -> Record:
    return {
        "service_code": matter.code,
        "service_name": matter.name,
        "description": f"GB/T 47678.5-2026 {matter.code} {matter.name}",
        "metadata": "false",
        "type": "realtime",
        "keywords": matter["major_name"],
        "group": matter["major_name"],
    }


def service_definition(service_code: str) -> Listing | None:
    """What a service wants to know beyond the common fields: nothing; None: there is no such service."""
    if CodeTable.load("event").get(service_code, "2026") is None:
        return None
    record = {"service_code": service_code, "attributes": []}
    return Listing("service_definitions", "service_definition", [record])


def requests(cases: Sequence[Mapping[str, Any]]) -> Listing:
    """Cases as service requests."""
    return Listing("service_requests", "request", [_request(one) for one in cases])


def _request(case: Mapping[str, Any]) -> Record:
    return {
        "service_request_id": case["code"],
        "status": "closed" if case["state"] in ENDED else "open",
        "status_notes": STATES_ZH[case["state"]],
        "service_name": case["title"],
        "service_code": case["matter_code"][-5:],
        "description": case["description"],
        "agency_responsible": case["department"],
        "service_notice": None,
        "requested_datetime": _moment(case["reported_at"]),
        "updated_datetime": _moment(case["updated_at"]),
        "expected_datetime": _moment(case["deadline"]),
        "address": case["address"],
        "address_id": None,
        "zipcode": None,
        "lat": case["lat"],
        "long": case["lon"],
        "media_url": None,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def created(case_code: str) -> Listing:
    """The answer to a request that was taken in."""
    notice = "已受理上报，可凭编号查询办理情况。"
    return Listing(
        "service_requests",
        "request",
        [{"service_request_id": case_code, "service_notice": notice, "account_id": None}],
    )


def token_of(case_code: str) -> Listing:
    """The request of a token; requests get their id at once here, which serves as token too."""
    return Listing("service_requests", "request", [{"service_request_id": case_code, "token": case_code}])


def errors(status: int, description: str) -> Listing:
    """Why a request was refused."""
    return Listing("errors", "error", [{"code": str(status), "description": description}])
