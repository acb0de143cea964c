"""Uploaded files: a department's own columns, full lists, quarantine, repair. No sample data is needed."""

import csv
import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.e2e.program import Answer, Program, court_record, credit_code, eventually, http

HEADER = ["案号", "被执行人姓名/名称", "身份证号码/组织机构代码", "主体类型", "作出执行依据单位", "执行依据文号"]
HEADER += ["生效法律文书确定的义务", "被执行人的履行情况", "失信被执行人行为具体情形", "发布时间", "内部备注"]
COURT = "court-dishonest-persons"


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program without samples, which holds only what these tests feed."""
    started = Program(tmp_path_factory.mktemp("files") / "var").start()
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def key(centre: Program) -> str:
    arguments = ("clients", "add", "departments", "--feed", "court", "--feed", "taxation", "--feed", "finance")
    added = centre.cli(*arguments, "--feed", "environment", "--feed", "market-regulation", "--feed", "human-resources")
    assert added.returncode == 0, added.stderr
    return added.stdout.strip()


def row(number: int, *, day: str = "2026年9月1日", code: str | None = None, note: str = "") -> list[str]:
    name, code = f"淮安云岫测试{number}有限公司", code or credit_code(number)
    unit, paper = "淮安市清江浦区人民法院", f"(2026)苏0811民初{number}号"
    return [f"(2026)苏0811执{number}号", name, code, "1", unit, paper, "支付货款", "全部未履行", "拒不履行", day, note]


def text_of(*rows: list[str], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["失信被执行人名单"], HEADER, *rows])
    return text.getvalue().encode(encoding)


def upload(
    program: Program, key: str, content: bytes, name: str = "list.csv", authority: str = "court", **query: str
) -> Answer:
    words = "&".join(f"{word}={value}" for word, value in ({"format": COURT} | query).items())
    headers = {"Content-Type": "application/octet-stream", "Content-Disposition": f'attachment; filename="{name}"'}
    return http("POST", f"{program.url}/v1/feeds/{authority}/files?{words}", content, key=key, headers=headers)


def settled(program: Program, key: str, answer: Answer) -> dict[str, int]:
    """The counts over all receipts of a file once no record is queued."""
    assert answer.status == 202, answer.body

    def counts() -> dict[str, int]:
        total: dict[str, int] = {}
        for receipt in answer.json["receipts"]:
            document = http("GET", f"{program.url}/v1/feeds/receipts/{receipt}", key=key).json
            total = {name: total.get(name, 0) + count for name, count in document["counts"].items()}
        return {} if total.get("queued") else {name: count for name, count in total.items() if count}

    return eventually(counts)


def stopped(program: Program, number: int) -> bool:
    answer = program.check("bidding.qualification", credit_code(number), "bidder")
    return bool(answer.status == 200 and answer.json["outcome"] == "intercept")


def status(program: Program, authority: str) -> dict[str, Any]:
    done = program.cli("feeds", "status", "--json")
    found = next(feed for feed in json.loads(done.stdout)["feeds"] if feed["authority"] == authority)
    assert isinstance(found, dict)
    return found


def workbook(*rows: list[Any]) -> bytes:
    document, file = Workbook(), io.BytesIO()
    for cells in [["失信被执行人名单"], HEADER, *rows]:
        document.worksheets[0].append(cells)
    document.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("number", "name", "make"),
    [
        (6101, "list.csv", text_of),
        (6102, "list.csv", lambda cells: text_of(cells, encoding="gb18030")),
        (6103, "list.txt", lambda cells: text_of(cells, encoding="utf-16")),
        (6104, "list.xlsx", workbook),
    ],
    ids=["utf-8", "gb18030", "utf-16", "xlsx"],
)
def test_file_in_department_columns_takes_effect(centre: Program, key: str, number: int, name: str, make: Any) -> None:  # noqa: ANN401
    """A file in the department's own columns takes effect on a bidder; the answer names the unused column."""
    answer = upload(centre, key, make(row(number, note="x")), name)
    assert settled(centre, key, answer) == {"applied": 1}
    assert answer.json["dropped"] == ["内部备注"]
    assert eventually(lambda: stopped(centre, number))


def test_bad_rows_are_named_by_line_and_column(centre: Program, key: str) -> None:
    """Of three rows, two are refused by line and the file's own column names; the third takes effect."""
    answer = upload(centre, key, text_of(row(6110, code="913208"), row(6111, day="上周五"), row(6112)))
    faults = [(fault["line"], fault["code"], fault["path"]) for fault in answer.json["rejected"]]
    assert faults[1] == (4, "date_unreadable", "发布时间")
    assert faults[0][:2] == (3, "identifier_length")
    assert settled(centre, key, answer) == {"applied": 1, "rejected": 2}
    assert eventually(lambda: stopped(centre, 6112))


@pytest.mark.parametrize(
    ("content", "name", "query", "expected"),
    [
        (b"", "list.csv", {}, (422, "file_unreadable")),
        (b"\x00\xff\xfe\x81", "list.csv", {}, (422, "file_unreadable")),
        (b"PK\x03\x04broken", "list.xlsx", {}, (422, "file_unreadable")),
        (b"x", "list.docx", {}, (415, "file_kind_unsupported")),
        (b"x", "", {}, (422, "file_missing")),
        (text_of(), "list.csv", {}, (400, "body_empty")),
        (text_of(row(1, code="1")), "list.csv", {}, (422, "records_refused")),
        (text_of(row(1)), "list.csv", {"format": "none"}, (422, "format_unknown")),
        (text_of(row(1)), "list.csv", {"mode": "all"}, (422, "request_invalid")),
        (text_of(row(1)), "list.csv", {"mode": "snapshot"}, (422, "request_invalid")),
        (
            text_of(row(1), row(2, code="1")),
            "a.csv",
            {"mode": "snapshot", "document_no": "D"},
            (422, "snapshot_refused"),
        ),
    ],
)
def test_unreadable_uploads_are_refused_with_a_reason(
    centre: Program, key: str, content: bytes, name: str, query: dict[str, str], expected: tuple[int, str]
) -> None:
    """Each wrong file or request has its status and its stable code, and nothing of it is applied."""
    answer = upload(centre, key, content, name, authority="finance", **query)
    assert (answer.status, answer.json["code"]) == expected


def test_prohibited_data_is_written_nowhere(centre: Program, key: str, tmp_path: Path) -> None:
    """A column of medical history refuses the row with the article; its value is stored in no file and no topic."""
    secret = "zz_hepatitis_marker_zz"
    content = text_of(row(6120)).replace("内部备注".encode(), "病史".encode())
    content = content.replace("2026年9月1日,\r\n".encode(), f"2026年9月1日,{secret}\r\n".encode())
    assert secret.encode() in content
    answer = upload(centre, key, content)
    assert answer.status == 422
    assert answer.json["rejected"][0]["code"] == "data_prohibited"
    record = court_record("P-1", credit_code(6121)) | {"medical_history": secret}
    posted = http("POST", f"{centre.url}/v1/feeds/court/records", record, key=key)
    assert posted.json["results"][0]["code"] == "data_prohibited"
    held = [path for path in centre.data.parent.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert held == []
    assert secret.encode() not in answer.body + posted.body


def test_full_list_removes_and_restores_listings(centre: Program, key: str) -> None:
    """After each full list the register equals the list; unchanged rows are not published again."""
    query = {"authority": "court", "mode": "snapshot", "document_no": "SN-1"}
    three = text_of(*(row(number) for number in (6131, 6132, 6133)))
    standing = [row(number) for number in (6101, 6102, 6103, 6104, 6112)]
    first = upload(centre, key, text_of(*standing, *(row(number) for number in (6131, 6132, 6133))), **query)
    settled(centre, key, first)
    assert first.json["snapshot"]["left_out"] == 0
    assert first.json["snapshot"]["news"] <= 4, "6101 had another note, which is not kept"
    second = upload(centre, key, three, **query)
    assert second.json["snapshot"] == {"news": 0, "left_out": 5, "unchanged": 3}
    assert settled(centre, key, second) == {"applied": 5}
    assert eventually(lambda: (stopped(centre, 6101), stopped(centre, 6131)) == (False, True))
    third = upload(centre, key, text_of(row(6101), *(row(number) for number in (6131, 6132, 6133))), **query)
    assert third.json["snapshot"] == {"news": 1, "left_out": 0, "unchanged": 3}
    assert settled(centre, key, third) == {"applied": 1}
    assert eventually(lambda: stopped(centre, 6101))


def test_empty_full_list_quarantines_the_feed(centre: Program, key: str) -> None:
    """The feed is quarantined, later records wait, and an authorised operator releases them."""
    authority = "environment"
    listed = court_record("E-1", credit_code(6141)) | {"category": "C05", "authority": authority}
    url = f"{centre.url}/v1/feeds/{authority}/records"
    http("POST", url, listed, key=key)
    assert eventually(lambda: stopped(centre, 6141))
    empty = upload(centre, key, text_of(), authority=authority, mode="snapshot", document_no="SN-2")
    assert empty.status == 202
    assert empty.json["hold"]["cause"] == "snapshot_empty"
    assert eventually(lambda: stopped(centre, 6141))
    later = http(
        "POST", url, listed | {"record_no": "E-2", "subject": listed["subject"] | {"id": credit_code(6142)}}, key=key
    )
    receipt = f"{centre.url}/v1/feeds/receipts/{later.json['receipt']}"
    assert eventually(lambda: http("GET", receipt, key=key).json["counts"]["held"] == 1)
    assert not stopped(centre, 6142)
    assert status(centre, authority)["hold"]["records"] == 1
    assert centre.cli("feeds", "status").returncode == 1
    refused = centre.cli("feeds", "release", authority, "--reason", "核实属实", "--operator", "甲", "--key", key)
    assert (refused.returncode, "quarantine_not_granted" in refused.stderr) == (2, True)
    released = centre.cli("feeds", "release", authority, "--reason", "核实属实", "--operator", "甲")
    assert released.returncode == 0, released.stderr
    assert eventually(lambda: stopped(centre, 6142))
    assert eventually(lambda: http("GET", receipt, key=key).json["counts"]["applied"] == 1)
    assert centre.cli("feeds", "release", authority, "--reason", "再次", "--operator", "甲").returncode == 1


def test_shrinking_full_list_is_quarantined_and_discarded(centre: Program, key: str) -> None:
    """When over a hundred rows and a tenth are missing, nothing is removed; discarding changes nothing."""
    authority, rows = (
        "market-regulation",
        [
            court_record(f"M-{n}", credit_code(7000 + n)) | {"category": "C04", "authority": "market-regulation"}
            for n in range(130)
        ],
    )
    body = "\n".join(json.dumps(record) for record in rows).encode()
    fed = upload(centre, key, body, "list.ndjson", authority, format="feed-record")
    assert settled(centre, key, fed) == {"applied": 130}
    query = {"format": "feed-record", "mode": "snapshot", "document_no": "SN-3", "list": "black"}
    shrunk = upload(centre, key, body.split(b"\n")[0], "list.ndjson", authority, **query)
    assert shrunk.json["hold"]["cause"] == "snapshot_shrinks"
    assert settled(centre, key, shrunk) == {"held": 129}
    assert eventually(lambda: stopped(centre, 7050))
    assert centre.cli("feeds", "discard", authority, "--reason", "导出程序故障", "--operator", "甲").returncode == 0
    assert settled(centre, key, shrunk) == {"discarded": 129}
    assert eventually(lambda: stopped(centre, 7050))
    assert status(centre, authority)["in_force"] == 130


def test_open_objection_is_noted_in_decisions(centre: Program, key: str) -> None:
    """An open objection is noted and the listing stays in force; an upheld one annuls the listing."""
    authority = "taxation"
    url = f"{centre.url}/v1/feeds/{authority}/records"
    listed = court_record("T-1", credit_code(6151)) | {"category": "C04", "authority": authority}
    http("POST", url, listed, key=key)
    assert eventually(lambda: stopped(centre, 6151))
    day = (date.today() - timedelta(days=1)).isoformat()  # noqa: DTZ011 - a day that is over everywhere
    act = {"record_no": "T-1", "determined_on": day, "objection_no": "YY-1"}
    http("POST", url, act | {"operation": "object"}, key=key)

    def shown() -> dict[str, Any]:
        answer = centre.check("bidding.qualification", credit_code(6151), "bidder").json
        listing = answer["subjects"][0]["listings"][0]
        return listing if listing["objection_open"] else {}

    listing = eventually(shown)
    assert listing["objection_open"]
    assert status(centre, authority)["objections"][0]["overdue"] is False
    resolved = act | {"operation": "object_resolve", "document_no": "FH-1", "result": "upheld"}
    http("POST", url, resolved, key=key)
    assert eventually(lambda: not stopped(centre, 6151))


def test_repair_advice_covers_both_measures(centre: Program, key: str) -> None:
    """The answer names the conditions; the request needs a purpose; the listing stays in force."""
    url = f"{centre.url}/v1/feeds/human-resources/records"
    listed = court_record("H-1", credit_code(6161)) | {"category": "C04", "authority": "human-resources"}
    listing = http("POST", url, listed, key=key).json["results"][0]["listing"]
    assert eventually(lambda: stopped(centre, 6161))
    address = f"{centre.url}/v1/listings/{listing}/repair"
    assert http("GET", address, key=centre.key).json["code"] == "operator_missing"
    url = address + "?operator=w3&purpose=apply&fulfilled_on=2026-09-01&impact_eliminated=true"
    answer = http("GET", url, key=centre.key)
    assert answer.status == 200, answer.body
    assert {measure["code"] for measure in answer.json["measures"]} == {"J18", "G31"}
    assert answer.json["eligible"] == "no"
    assert all(c["because_zh"] and c["because_en"] for m in answer.json["measures"] for c in m["conditions"])
    assert http("GET", address + "?operator=w3&purpose=apply&wish=1", key=centre.key).json["code"] == "request_invalid"
    unknown = f"{centre.url}/v1/listings/{'0' * 32}/repair?operator=w3&purpose=apply"
    assert http("GET", unknown, key=centre.key).json["code"] == "listing_unknown"
    cli = centre.cli("repair", "check", listing, "--operator", "w3", "--purpose", "apply")
    assert cli.returncode == 1, cli.stderr
    assert "第十八条" in cli.stdout
    assert eventually(lambda: stopped(centre, 6161))


def test_black_listing_excludes_red_with_a_notice(centre: Program, key: str) -> None:
    """办法一 Art. 4: a subject that becomes black leaves the red list, whose authority gets a notice."""
    subject = court_record("", credit_code(6171))["subject"]
    red = court_record("R-1", credit_code(6171)) | {"list": "red", "category": "R01", "authority": "taxation"}
    red.pop("severity")
    http("POST", f"{centre.url}/v1/feeds/taxation/records", red, key=key)

    def outcome() -> str:
        return str(centre.check("funds.grant", credit_code(6171)).json["outcome"])

    assert eventually(lambda: outcome() == "fast_track")
    black = court_record("B-1", credit_code(6171)) | {"subject": subject}
    http("POST", f"{centre.url}/v1/feeds/court/records", black, key=key)
    assert eventually(lambda: outcome() not in ("fast_track", "allow"))
    notices = http("GET", f"{centre.url}/v1/feeds/taxation/notices", key=key).json["notices"]
    assert [notice["record_no"] for notice in notices] == ["R-1"]
    other = http("GET", f"{centre.url}/v1/feeds/housing-construction/notices", key=key)
    assert other.json["code"] == "feed_not_granted"


def test_gateway_killed_mid_upload_loses_no_accepted_row(own_program: Program) -> None:
    """After a kill during an upload and a second upload, every accepted row is in force exactly once."""
    own_program.start()
    key = own_program.cli("clients", "add", "d", "--feed", "court").stdout.strip()
    file = own_program.data.parent / "list.csv"
    file.write_bytes(text_of(*(row(8000 + n) for n in range(2500))))

    def kill() -> None:
        os.kill(own_program.children()["creditgate worker"], signal.SIGKILL)

    timer = threading.Timer(1.5, kill)
    timer.start()
    done = own_program.cli("feed", "push", str(file), "-a", "court", "-f", COURT, "--key", key, "--json")
    timer.join()
    assert done.returncode == 0, done.stderr
    total = json.loads(done.stdout)
    assert total["applied"] == 2500
    assert eventually(lambda: stopped(own_program, 8000))
    assert eventually(lambda: stopped(own_program, 10499))
    assert status(own_program, "court")["in_force"] == 2500
