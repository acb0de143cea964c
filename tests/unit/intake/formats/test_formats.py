"""The shipped formats: a department's row gives the expected record, and a fault names the department's own column."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from config.files import ConfigError
from intake.formats.loader import load_formats
from intake.formats.model import FEED_RECORD
from rules.records.feed_record import ListRecord, RemoveRecord
from rules.vocabulary import Severity
from tests.unit.intake.sample_files import (
    COMPANY,
    FORMATS,
    HEADER,
    MASKED,
    PERSON,
    ROW,
    SHOP,
    admitted,
    csv_file,
    faults,
    prepared,
    small_format,
    xlsx_file,
)

NAME, NUMBER = "淮安云岫建材有限公司", "统一社会信用代码"


class Shipped(NamedTuple):
    """A row of one format as its department writes it, the expected record, and an invalid cell."""

    authority: str
    row: dict[str, Any]
    said: dict[str, Any]
    spoilt: tuple[str, str, str]


SHIPPED = {
    "penalty-publicity": Shipped(
        "market-regulation",
        {"CF_WSH": "市监罚字〔2026〕12号", "CF_XDR_MC": NAME, "CF_XDR_LB": "法人及非法人组织", "CF_XDR_SHXYM": COMPANY}
        | {
            "CF_FRDB": "江云舟",
            "CF_WFXW": "虚假宣传",
            "CF_SY": "广告含虚假内容",
            "CF_CFLB": "罚款",
            "CF_NR": "罚款一万元",
        }
        | {"CF_YJ": "广告法第五十五条", "CF_JDRQ": "2026/8/12", "CF_YXQ": "2027-08-11", "CF_GSJZQ": "2029-08-12"},
        {"category": "C04", "determination": "administrative_penalty", "valid_until": "2027-08-11"}
        | {"facts": "虚假宣传；广告含虚假内容；罚款；罚款一万元", "record_no": "市监罚字(2026)12号/" + NAME},
        ("CF_XDR_LB", "外星人", "code_unknown"),
    ),
    "court-dishonest-persons": Shipped(
        "court",
        {
            "案号": "（2026）苏0811执901号",
            "被执行人姓名/名称": "江云舟",
            "身份证号码/组织机构代码": PERSON,
            "partyTypeName": "0",
        }
        | {
            "性别": "男",
            "年龄": "38",
            "gistUnit": "淮安市清江浦区人民法院",
            "gistId": "(2026)苏0811民初1号",
            "duty": "支付货款",
        }
        | {"performance": "全部未履行", "disruptTypeName": "有履行能力而拒不履行", "publishDate": "2026年09月01日"},
        {"category": "C07", "severity": "severe", "determined_on": "2026-09-01"}
        | {"subject": {"kind": "natural_person", "name": "江云舟", "id": PERSON, "gender": "男", "age": 38}},
        ("publishDate", "九月", "date_unreadable"),
    ),
    "serious-tax-violations": Shipped(
        "taxation",
        {"纳税人名称": NAME, "纳税人识别号": COMPANY, "法定代表人姓名": "江云舟", "实际责任人姓名": "江云舟、沈知微"}
        | {"实际责任人证件号码": f"{PERSON}、32082919880315006X", "案件性质": "偷税", "违法事实": "隐匿收入"}
        | {"相关法律依据": "税收征收管理法第六十三条", "文号": "淮税稽〔2026〕3号", "确定日期": "20260812"},
        {"category": "C04", "severity": "severe", "facts": "偷税；隐匿收入"}
        | {
            "responsible_persons": [
                {"role": "directly_responsible", "name": n, "id": PERSON} for n in ("江云舟", "沈知微")
            ]
        },
        ("实际责任人证件号码", PERSON, "split_uneven"),
    ),
    "wage-arrears": Shipped(
        "human-resources",
        {
            "用人单位名称": NAME,
            NUMBER: COMPANY,
            "法定代表人姓名": "江云舟",
            "法定代表人身份证号": PERSON,
            "列入事由": "拖欠工资",
        }
        | {"列入决定书文号": "淮人社列〔2026〕1号", "列入日期": "2026-08-12", "计划移出日期": "2027-08-12"},
        {
            "removed_on": "2027-08-12",
            "basis": "《拖欠农民工工资失信联合惩戒对象名单管理暂行办法》（人力资源社会保障部令第45号）",
        }
        | {"responsible_persons": [{"role": "legal_representative", "name": "江云舟", "id": PERSON}]},
        ("列入事由", "", "column_empty"),
    ),
    "market-regulation-violations": Shipped(
        "market-regulation",
        {
            "企业名称": NAME,
            NUMBER: COMPANY,
            "法定代表人": "江云舟",
            "列入原因": "制售假冒产品",
            "列入日期": "2026-08-12",
        }
        | {"列入决定书文号": "淮市监列〔2026〕7号", "移出日期": "", "移出原因": ""},
        {"facts": "制售假冒产品", "category": "C04", "determined_on": "2026-08-12"},
        (NUMBER, "91320800", "identifier_length"),
    ),
    "procurement-blacklist": Shipped(
        "finance",
        {
            "供应商名称": NAME,
            NUMBER: COMPANY,
            "企业地址": "淮安市样例路1号",
            "具体情形": "提供虚假材料",
            "处罚结果": "禁止参加一年",
        }
        | {
            "处罚依据": "政府采购法第七十七条",
            "文号": "淮财购〔2026〕2号",
            "处罚日期": "2026-08-12",
            "公布截止日期": "2027-08-12",
        },
        {"category": "C02", "facts": "提供虚假材料；禁止参加一年", "removed_on": "2027-08-12"},
        ("处罚日期", "2026-02-30", "date_unreadable"),
    ),
    "red-list": Shipped(
        "taxation",
        {
            "单位名称": NAME,
            "证件号码": COMPANY,
            "荣誉名称": "纳税信用A级",
            "文号": "淮税信〔2026〕1号",
            "认定日期": "2026-08-12",
        }
        | {"有效期至": "长期"},
        {"list": "red", "category": "R04", "facts": "纳税信用A级"},
        ("认定日期", "", "column_empty"),
    ),
}


def table(row: dict[str, Any]) -> bytes:
    return csv_file([list(row), list(row.values())])


def test_every_shipped_format_is_tested() -> None:
    """A new file in config/formats needs a row here; change events have their own tests."""
    plain = {name for name, fmt in FORMATS.items() if fmt.envelope is None and name != FEED_RECORD}
    assert plain == SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_formats_map_rows_to_valid_records(name: str) -> None:
    """Each field has the expected value, and the record of that authority passes validation."""
    shipped = SHIPPED[name]
    (row,) = prepared(table(shipped.row), "csv", name, shipped.authority)
    assert row.fault is None
    assert row.record is not None
    assert {field: row.record[field] for field in shipped.said} == shipped.said
    claim = admitted(row.record, shipped.authority)
    assert isinstance(claim.record, ListRecord)
    assert claim.dropped == ()


@pytest.mark.parametrize("name", SHIPPED)
def test_bad_cell_is_named_by_its_column(name: str) -> None:
    """The fault has the line, the file's column name and a stable code; the next row is still read."""
    shipped = SHIPPED[name]
    column, cell, code = shipped.spoilt
    bad = shipped.row | {column: cell}
    rows = prepared(
        csv_file([list(bad), list(bad.values()), list(shipped.row.values())]), "csv", name, shipped.authority
    )
    if code.startswith("identifier"):  # the format or the validator may find the fault, with different paths
        assert [(line, found) for line, found, _ in faults(rows)] == [(2, code)]
    else:
        assert faults(rows) == [(2, code, column)]
    assert rows[-1].fault is None


@pytest.mark.parametrize("name", SHIPPED)
def test_prohibited_columns_refuse_the_row(name: str) -> None:
    """A blood type column refuses the row (办法二 Art. 14); an unused column is reported and not kept."""
    shipped = SHIPPED[name]
    (refused,) = prepared(table(shipped.row | {"血型": "A"}), "csv", name, shipped.authority)
    assert refused.fault is not None
    assert refused.fault.code == "data_prohibited"
    (row,) = prepared(table(shipped.row | {"经办电话": "12345"}), "csv", name, shipped.authority)
    assert row.dropped == ("经办电话",)
    assert "12345" not in str(row.record)


def test_a_row_with_a_day_of_removal_says_both() -> None:
    """The row gives a listing and then its removal, each with its own document."""
    shipped = SHIPPED["market-regulation-violations"]
    row = shipped.row | {"移出日期": "2026年10月1日", "移出原因": "履行完毕", "移出文号": "淮市监移1号"}
    listed, removed = prepared(table(row), "csv", "market-regulation-violations", "market-regulation")
    assert isinstance(admitted(listed.record, "market-regulation").record, ListRecord)
    removal = admitted(removed.record, "market-regulation").record
    assert isinstance(removal, RemoveRecord)
    assert (removal.document_no, removal.reason, str(removal.determined_on)) == (
        "淮市监移1号",
        "履行完毕",
        "2026-10-01",
    )
    assert admitted(removed.record, "market-regulation").key == admitted(listed.record, "market-regulation").key


def test_permanent_end_is_dropped_with_a_note() -> None:
    """长期 is not an end: the legal period applies, and a note says so."""
    (row,) = prepared(table(SHIPPED["red-list"].row), "csv", "red-list", "taxation")
    assert row.notes == ("end_for_ever",)
    assert row.record is not None
    assert "valid_until" not in row.record


def test_masked_and_truncated_numbers_are_recognised() -> None:
    """An identifier masked by the court is accepted; one rounded by a spreadsheet is refused by its column."""
    shipped = SHIPPED["court-dishonest-persons"]
    column = "身份证号码/组织机构代码"
    (row,) = prepared(table(shipped.row | {column: MASKED, "partyTypeName": ""}), "csv", "court-dishonest-persons")
    assert row.record is not None
    assert row.record["subject"]["kind"] == "natural_person"
    numeric = shipped.row | {column: 320829198803150061}
    rows = prepared(xlsx_file([list(numeric), list(numeric.values())]), "xlsx", "court-dishonest-persons")
    assert faults(rows) == [(2, "identifier_precision_lost", column)]


def test_every_penalty_warns_at_most() -> None:
    """A penalty is not a list decision, and its severity stays unspecified."""
    shipped = SHIPPED["penalty-publicity"]
    (row,) = prepared(table(shipped.row), "csv", "penalty-publicity", shipped.authority)
    record = admitted(row.record, shipped.authority).record
    assert isinstance(record, ListRecord)
    assert record.severity is Severity.UNSPECIFIED


@pytest.mark.parametrize(
    ("changes", "row", "expected"),
    [
        ({"severity": {"from": "事实", "codes": {"重": "severe"}, "else": "general"}}, ROW, ("severity", "general")),
        ({"facts": {"from": "事实", "split": {"at": "而", "part": -1}}}, ROW, ("facts", "拒不履行")),
        ({"facts": {"from": "事实", "default": "未写"}}, (*ROW[:4], "/"), ("facts", "未写")),
        ({"facts": {"join": ["名称", "事实"], "with": "—"}}, (*ROW[:4], "无"), ("facts", ROW[0])),
        (
            {"determined_on": {"from": "日期", "date_form": "excel_serial"}},
            (*ROW[:3], "46246", ROW[4]),
            ("determined_on", "2026-08-12"),
        ),
    ],
)
def test_each_word_of_a_rule(changes: dict[str, Any], row: tuple[str, ...], expected: tuple[str, str]) -> None:
    """Code tables with else, splitting, defaults, joins and serials."""
    (found,) = prepared(csv_file([HEADER, row]), "csv", small_format(**changes))
    assert found.record is not None, found.fault
    assert found.record[expected[0]] == expected[1]


def test_the_first_filled_of_several_numbers_counts() -> None:
    """The first column that has a value gives the identifier."""
    fmt = small_format(subject={"name": {"from": "名称"}, "id": {"from": ["号码", "旧号码"]}})
    (found,) = prepared(csv_file([(*HEADER, "旧号码"), (ROW[0], "", *ROW[2:], SHOP)]), "csv", fmt)
    assert found.record is not None
    assert found.record["subject"]["id"] == SHOP


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: other\ntitle: t\ntitle_en: t\n", "$.record"),
        ("name: wrong\ntitle: t\n", "title_en"),
        ("name: wrong\ntitle: t\ntitle_en: t\nsurprise: 1\n", "surprise"),
        ("name: wrong\ntitle: t\ntitle_en: t\nrecord: {list: {is: black}}\n", "$.record"),
        ("name: [\n", "wrong.yaml"),
    ],
)
def test_a_wrong_format_file_is_named_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    """An invalid format file is refused at load, with its name and the place of the fault."""
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"wrong\.yaml") as caught:
        load_formats(tmp_path)
    assert place in str(caught.value)
