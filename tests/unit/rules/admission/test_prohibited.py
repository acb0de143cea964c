"""Prohibited data (办法二 Art. 14), and names and texts that only resemble them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.admission.prohibited import DATA_PROHIBITED, MAX_DEPTH, prohibited_field, refuse_prohibited
from rules.admission.prohibited_text import ProhibitedKind, stated_kind
from rules.faults import InvalidRecordError
from rules.records.feed_record import feed_record_schema
from tests.unit.records import person, record, removal

SAMPLES = Path(__file__).parents[4] / "config" / "samples"

FORBIDDEN_NAMES = [
    ("宗教信仰", "religion"),
    ("宗 教 信 仰", "religion"),
    ("宗教信仰代码", "religion"),
    ("信教情况", "religion"),
    ("ZJXY", "religion"),
    ("CF_ZJXY", "religion"),
    ("zjxy_dm", "religion"),
    ("ZJXYDM", "religion"),
    ("religion", "religion"),
    ("subject.religion", "religion"),
    ("ReligiousBelief", "religion"),
    ("zong_jiao_xin_yang", "religion"),
    ("基因", "genetic"),
    ("基因检测结果", "genetic"),
    ("DNA", "genetic"),
    ("dna_info", "genetic"),
    ("geneticData", "genetic"),
    ("血型", "blood_type"),
    ("ABO血型", "blood_type"),
    ("血\u200b型", "blood_type"),  # an invisible character
    ("Ｂｌｏｏｄ＿Ｔｙｐｅ", "blood_type"),
    ("bloodType", "blood_type"),
    ("BLOOD-GROUP", "blood_type"),
    ("bLOODTYPE", "blood_type"),
    ("bLoOd_TyPe", "blood_type"),
    ("\u200b".join("religion"), "religion"),
    ("XueXing", "blood_type"),
    ("ABOXXDM", "blood_type"),
    ("疾病", "disease"),
    ("疾病名称", "disease"),
    ("患病情况", "disease"),
    ("健康状况", "disease"),
    ("disease", "disease"),
    ("hasDiseases", "disease"),
    ("diseasename", "disease"),
    ("JIBING", "disease"),
    ("HIV_status", "disease"),
    ("病史", "medical_history"),
    ("既往史", "medical_history"),
    ("既往疾病史", "medical_history"),
    ("medical_history", "medical_history"),
    ("diseaseHistory", "medical_history"),
    ("JWBS", "medical_history"),
    ("bing_shi", "medical_history"),
]

INNOCENT_NAMES = [
    *("XX", "XXDM", "JB", "JBMC", "BS", "JYXX", "JWS"),  # ambiguous initials
    *("general", "generation", "gender", "genuine", "eugene", "agency", "reviewer", "historical_name", "case_history"),
    *("good_faith", "bloodStation", "healthBureau", "diseased_animals", "icdc", "archive", "typed"),
    *("diseaseControlCenter", "DISEASE_PREVENTION_CENTER", "religious_affairs_bureau", "ReligionAffairsOffice"),
    *("宗教事务局", "宗教事务局意见", "血站", "疾病预防控制中心", "疾控中心", "传染病防治", "精神病院", "动物疾病"),
    *(
        "诚信教育",
        "诚信教育次数",
        "转基因标识",
        "指纹",
        "民族",
        "残疾等级",
        "医院",
        "故障诊断结果",
        "违法史",
        "职业病防治",
    ),
    *("facts", "姓名", "性别", "工作单位", "主要失信事实", "CF_XDR_MC", "CF_WFXW", "record_no", ""),
]

STATEMENTS = [
    ("经查，该人血型为A型。", "blood_type"),
    ("血型：O", "blood_type"),
    ("血型 ＡＢ 型，Rh阴性", "blood_type"),
    ("其系稀有熊猫血", "blood_type"),
    ("当事人是B型血", "blood_type"),
    ("宗教信仰：佛教", "religion"),
    ("宗教信仰为基督教，长期拖欠货款", "religion"),
    ("被执行人信仰伊斯兰教", "religion"),
    ("张某系佛教徒，拒不履行判决", "religion"),
    ("该当事人信奉天主教", "religion"),
    ("被执行人患有糖尿病，仍有履行能力", "disease"),
    ("当事人患肝癌", "disease"),
    ("李某身患重病未到庭", "disease"),
    ("因病住院期间转移财产", "disease"),
    ("经淮安市某医院确诊为肺结核", "disease"),
    ("已确诊", "disease"),
    ("诊断为精神分裂症", "disease"),
    ("诊断结论：高血压三级", "disease"),
    ("王某系艾滋病病毒携带者", "disease"),
    ("张某，艾滋病病毒感染者，拒不执行", "disease"),
    ("张某系精神病患者", "disease"),
    ("HIV抗体检测呈阳性", "disease"),
    ("核酸检测阳性后隐瞒行程", "disease"),
    ("感染新冠后外出", "disease"),
    ("肝癌晚期", "disease"),
    ("主要疾病：冠心病", "disease"),
    ("疾病：乙肝", "disease"),
    ("患\n有\n抑\n郁\n症", "disease"),  # a spreadsheet cell with line breaks
    ("基因检测结果显示携带突变", "genetic"),
    ("其携带乳腺癌易感基因", "genetic"),
    ("DNA检测结果：与送检样本一致", "genetic"),
    ("有高血压病史十年", "medical_history"),
    ("病史：脑梗", "medical_history"),
    ("投保时隐瞒其糖尿病病史，骗取保险金", "medical_history"),
    ("既往史：阑尾手术", "medical_history"),
    ("有青霉素过敏史", "medical_history"),
    ("病历显示其长期服药", "medical_history"),
    ("患有糖尿病的被执行人仍在经营", "disease"),
    ("经查其系性病患者", "disease"),
    ("诊断系肺癌", "disease"),
]

INNOCENT_TEXTS = [
    "未按规定处置医疗废物，将医疗废物与生活垃圾混装",
    "拒不配合淮安市疾病预防控制中心的流行病学调查",
    "未取得医疗机构执业许可证擅自开展诊疗活动",
    "未经许可行医，被处罚两次后仍非法行医",
    "违反《中华人民共和国传染病防治法》第三十七条",
    "违反传染病防治法规定，未对医疗器械消毒",
    "违反《中华人民共和国职业病防治法》，未公布职业病危害因素检测结果",
    "工作场所职业病危害因素浓度超标",
    "未安排接触职业病危害的劳动者进行职业健康检查",
    "安排患有国务院卫生行政部门规定的有碍食品安全疾病的人员从事接触直接入口食品的工作",
    "未安排患有职业病的劳动者脱离原岗位",
    "招用患有传染病的人员从事餐饮服务",
    "经营病死、死因不明的生猪肉",
    "屠宰的生猪患有非洲猪瘟病未报告",
    "经营患病动物产品，未附检疫证明",
    "未按规定进行动物疫病强制免疫",
    "销售的种苗带有植物病虫害",
    "未按规定标识转基因大豆油",
    "伪造病历资料骗取医疗保障基金",
    "虚构疾病诊断证明，骗取医保基金12万元",
    "伪造血型检测报告，非法组织卖血",
    "未核对受血者血型即输血",
    "非法采集血液，未经血站许可",
    "泄露患者个人信息，倒卖就诊记录",
    "拒绝收治艾滋病患者",
    "泄露艾滋病病毒携带者个人信息",
    "食品安全事故导致23人感染诺如病毒",
    "生产假药，造成多人患病",
    "未按规定报告确诊病例",
    "擅自设立宗教活动场所，违反宗教事务条例",
    "冒充佛教僧侣骗取信众财物",
    "歧视公民宗教信仰自由，被责令改正",
    "经市宗教事务局责令改正，逾期不改",
    "组织利用邪教破坏法律实施",
    "冒用淮安市第三人民医院名义发布虚假医疗广告",
    "广告宣称产品可治疗糖尿病、高血压等疾病",
    "食品标签宣称具有疾病预防、治疗功能",
    "系统故障诊断为人为破坏",
    "出售伪造的核酸检测报告",
    "驾驶人尿检呈阳性，系吸毒后驾驶",
    "瘦肉精检测呈阳性的活羊流入市场",
    "历史欠税未缴，有多次违法史",
    "在诚信教育活动中弄虚作假",
    "向医院销售无注册证的医疗器械",
    "体检报告造假，编造体检结果",
    "被执行人有履行能力而拒不履行生效法律文书确定的义务",
    "销售AB型号电缆，质量不合格",
    "未经批准采集人类遗传资源",
    "未将感染性废物与损伤性废物分类收集",
    "非法携带精神药品进入公共场所",
    "瘦肉精定性检测为阳性",
    "未按规定处置非洲猪瘟核酸检测呈阳性的生猪",
    "销售因病死亡的畜禽",
    "存在重大火灾隐患、致工人中风险增大",
    "医患纠纷中拒绝提供病历资料",
    "使用未注册的超声诊断系统",
    "以免费诊断为名推销保健品",
    "以基因检测为噱头骗取老年人钱款",
    "以宗教信仰为由拒绝提供服务",
    "虚假广告宣称可治愈肝癌晚期",
    "延误治疗，致患者病情加重",
    "向患有高血压的老年人推销假药",
]


@pytest.mark.parametrize(("name", "kind"), FORBIDDEN_NAMES)
def test_a_forbidden_name_is_known(name: str, kind: str) -> None:
    """In Chinese, English, pinyin and its initials, in any letter case and width, with any separator."""
    assert prohibited_field(name) == kind


@pytest.mark.parametrize("name", INNOCENT_NAMES)
def test_an_innocent_name_passes(name: str) -> None:
    """Names of offices, other words, and initials with a second reading are not prohibited."""
    assert prohibited_field(name) is None


@pytest.mark.parametrize(("text", "kind"), STATEMENTS)
def test_a_statement_about_a_person_is_found(text: str, kind: str) -> None:
    """A word of the article with a value, a holder or a finding is data about a person."""
    assert stated_kind(text) == kind


@pytest.mark.parametrize("text", INNOCENT_TEXTS)
def test_the_facts_of_a_violation_pass(text: str) -> None:
    """The words alone are not refused: food, health and labour authorities need them to report facts."""
    assert stated_kind(text) is None


def test_no_word_of_the_format_is_forbidden() -> None:
    """No field name of feed record v1, at any depth, is prohibited."""
    names = {name for kind in feed_record_schema()["$defs"].values() for name in kind.get("properties", {})}
    assert len(names) > 25
    assert {name for name in names if prohibited_field(name)} == set()


def test_no_sample_is_refused() -> None:
    """Every invented record of the eight authorities passes."""
    records = [json.loads(line) for path in SAMPLES.glob("*.ndjson") for line in path.read_text().splitlines()]
    records += [entry for path in SAMPLES.glob("*.json") for entry in json.loads(path.read_text())]
    assert len(records) > 100
    for entry in records:
        refuse_prohibited(entry)


def refusal(value: Any) -> InvalidRecordError:  # noqa: ANN401
    with pytest.raises(InvalidRecordError) as refused:
        refuse_prohibited(value)
    return refused.value


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        (record(血型="A"), "$.血型", "blood_type"),
        (record(subject=person(religion="x")), "$.subject.religion", "religion"),
        (record(facts="被执行人患有糖尿病"), "$.facts", "disease"),
        (removal(reason="被执行人患有肝癌"), "$.reason", "disease"),
        (
            record(responsible_persons=[{"name": "甲"}, {"病史": "有"}]),
            "$.responsible_persons[1].病史",
            "medical_history",
        ),
        (record(other={"inner": [{"DNA": 1}]}), "$.other.inner[0].DNA", "genetic"),
        ([record(), record(disease=False)], "$[1].disease", "disease"),
        (record(宗教信仰="无"), "$.宗教信仰", "religion"),
        (record(disease={"name": "x"}), "$.disease", "disease"),
    ],
)
def test_refused_with_its_place(value: Any, path: str, kind: str) -> None:  # noqa: ANN401
    """The path leads to the field, and the detail names the kind; ``无`` and ``false`` are statements too."""
    fault = refusal(value)
    assert (fault.code, fault.path, fault.detail) == ("data_prohibited", path, kind)
    assert fault.text == DATA_PROHIBITED
    assert "Art. 14" in fault.as_dict()["reason"]
    assert "第十四条" in fault.as_dict()["reason_zh"]


@pytest.mark.parametrize(
    "value",
    [
        record(),
        record(血型="", 病史=None, religion=" - ", disease={"name": ""}, 基因=[]),  # empty columns of an export
        record(authority="宗教事务局", document_no="疾病：第1号", basis="《传染病防治法》第一条；确诊为"),
        record(subject={"name": "患有肝癌", "employer": "淮安市精神病院", "nature": "宗教活动场所"}),
        *(None, 3, "血型为A型", []),
    ],
)
def test_empty_columns_and_names_pass(value: Any) -> None:  # noqa: ANN401
    """Empty columns and the names of authorities, documents and subjects are not examined."""
    refuse_prohibited(value)


@pytest.mark.parametrize(
    "key",
    [
        "血型A型",
        "血型_320829198803150066",
        "blood_type_a",
        "disease diabetes",
        "患病" * 40,
        "病史：高血压",
        "hiv1234567",
    ],
)
def test_fault_omits_keys_that_may_be_values(key: str) -> None:
    """The fault goes to logs and receipts, so its path must not contain a key that may hold the data."""
    fault = refusal({key: "有"})
    assert fault.path == "$.?"
    assert key not in json.dumps(fault.as_dict(), ensure_ascii=False)


@pytest.mark.parametrize("key", ["320829198803150066", "a" * 65, "沈知微 男", "tel.13800000000", "p4321"])
def test_fault_path_omits_unknown_keys(key: str) -> None:
    """An unknown key is hidden at every step of the path."""
    assert refusal({key: {"血型": "A"}}).path == "$.?.血型"


def test_too_deep_is_refused_unread() -> None:
    """A value nested too deeply is refused without recursion."""
    value: Any = {"血型": "A"}
    for _ in range(MAX_DEPTH + 1):
        value = {"a": value}
    assert refusal(value).code == "field_invalid"
    for _ in range(5000):
        value = [value]
    assert refusal(value).code == "field_invalid"


def test_a_hostile_name_or_text_is_read_in_time() -> None:
    """64 KiB of separate words or of near matches take linear time at most."""
    assert prohibited_field("a_" * 32_000) is None
    assert stated_kind("患" * 21_000) is None
    assert stated_kind("血型" + " " * 60_000 + "未核对") is None
    assert stated_kind("伪造" * 10_000) is None


@given(st.sampled_from(FORBIDDEN_NAMES), st.sampled_from(["x", "", "a_", "cf_"]), st.sampled_from(["", "_x", "2"]))
def test_a_word_stays_known_between_others(row: tuple[str, str], before: str, after: str) -> None:
    """A separated prefix or suffix does not hide a prohibited word."""
    name, _ = row
    before = before if before.endswith("_") or not before else before + "_"
    assert prohibited_field(f"{before}{name}{after}") is not None


@given(st.text(max_size=80), st.sampled_from(sorted(ProhibitedKind)))
def test_no_value_in_the_fault(secret: str, kind: str) -> None:
    """The fault does not depend on the value of the field."""
    key = {"religion": "religion", "genetic": "gene", "blood_type": "血型", "disease": "疾病"}.get(kind, "病史")
    assert refusal({key: f"v{secret}"}).as_dict() == refusal({key: "other"}).as_dict()
