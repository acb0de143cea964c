"""Invented feed records for tests: each valid on 2026-11-23 unless a test bends it."""

from typing import Any

ORGANISATION = "91320800MA1TE5T0XK"
OTHER_ORGANISATION = "92320803MA1TE5T18U"
PERSON = "32082919880315006X"


def record(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A severe public court listing of an organisation, with changes; ``subject`` is merged."""
    value: dict[str, Any] = {
        "operation": "list",
        "record_no": "R-1",
        "authority": "court",
        "version": 1,
        "list": "black",
        "category": "C07",
        "severity": "severe",
        "data_class": "public",
        "subject": {"kind": "organisation", "name": "淮安云岫建材有限公司", "id": ORGANISATION},
        "facts": "有履行能力而拒不履行生效法律文书确定的义务",
        "basis": "《最高人民法院关于公布失信被执行人名单信息的若干规定》第一条",
        "document_no": "（2026）苏0811执1234号",
        "determined_on": "2026-08-12",
    }
    subject = value["subject"] | changes.pop("subject", {})
    return value | {"subject": subject} | changes


def removal(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The removal of that listing."""
    value = {
        "operation": "remove",
        "record_no": "R-1",
        "authority": "court",
        "version": 2,
        "document_no": "（2026）苏0811执1234号之一",
        "determined_on": "2026-10-01",
    }
    return value | changes


def person(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The subject part of a natural person."""
    return {"kind": "natural_person", "name": "沈知微", "id": PERSON} | changes
