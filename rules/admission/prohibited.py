"""Refuses prohibited personal data (禁止归集): religion, genes, blood type, disease, medical history (办法二 Art. 14).

A record with such data about a natural person is refused whole, never trimmed silently: the authority must learn
that it collects what it may not, and the subject may object to it (办法一 Art. 15（二）, 办法二 Art. 28（二）).
Names of authorities, documents and subjects are not read: 宗教事务局 and 血站 are lawful names.

The article ends with "other data that laws and regulations forbid", which is not decided here. Disability,
fingerprints and ethnic group are not in the article.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from rules.admission.prohibited_text import ProhibitedKind, stated_kind
from rules.faults import InvalidRecordError, Text

DATA_PROHIBITED = Text(
    "The record holds data of a kind that must not be collected: religion, genes, blood type, disease or medical"
    " history of a person (办法二 Art. 14).",
    "记录含有禁止归集的自然人信息：宗教信仰、基因、血型、疾病或病史（管理办法第十四条）。",
)
FREE_TEXT = frozenset({"facts", "reason"})
"""The fields of free text about the subject."""
MAX_DEPTH = 16
_MAX_RUN_WORDS = 4
_EMPTY_MARKS = " \t\r\n\u3000-—–/\\.·"

_CHINESE = {
    ProhibitedKind.RELIGION: r"宗教信仰|信仰宗教|所信宗教|(?<!诚)信教(?!育|师|授|学)"
    r"|宗教(?=$|类别|派别|名称|代码|编码|情况)|教派",
    ProhibitedKind.GENETIC: r"(?<!转)基因(?!工程|治疗|技术|药)|遗传信息|染色体|(?<![A-Za-z])DNA(?![A-Za-z])",
    ProhibitedKind.BLOOD_TYPE: r"血型",
    ProhibitedKind.MEDICAL_HISTORY: r"病史|既往史|过敏史|手术史|住院史|家族史|用药史|疾病史|病历|病案",
    ProhibitedKind.DISEASE: r"(?<!动物)(?<!植物)疾病(?!预防|控制|防治|防控)|患病(?!率)|病种|病情|病名|健康状况"
    r"|临床诊断|(?<!故障)诊断结果|职业病(?=$|名称)|传染病(?!防治|预防|报告|医院)|艾滋病(?!防治|预防)"
    r"|精神病(?!院|医院|防治)|慢性病(?!防治|预防)",
}
_LATIN = {
    ProhibitedKind.RELIGION: "religion religions religiousbelief religiousbeliefs religiousaffiliation religiousfaith"
    " zjxy zongjiao zongjiaoxinyang xinyangzongjiao",
    ProhibitedKind.GENETIC: "gene genes genetic genetics geneticdata geneticinfo genome genomic genotype dna"
    " chromosome jiyin jiyinxinxi",
    ProhibitedKind.BLOOD_TYPE: "bloodtype bloodgroup bloodtyping abobloodtype rhbloodtype aboblood rhblood xuexing"
    " aboxx rhxx",
    ProhibitedKind.MEDICAL_HISTORY: "medicalhistory medicalrecord medicalrecords diseasehistory illnesshistory"
    " clinicalhistory patienthistory healthrecord healthrecords anamnesis pastmedicalhistory familymedicalhistory"
    " bingshi jiwangshi jiwangbingshi jibingshi jwbs jwjbs",
    ProhibitedKind.DISEASE: "disease diseases illness illnesses diagnosis diagnoses healthstatus healthcondition"
    " medicalcondition medicalconditions hiv hivstatus icd jibing huanbing huanbingqingkuang jiankangzhuangkuang",
}
"""Column names in English, in pinyin and in pinyin initials.

Initials with a second reading are left out (XX also 学校 or 信息, JB also 级别, BS also 标识): a field that feed
record v1 does not define is stored nowhere in any case.
"""

_SUFFIX = r"(?:s|name|names|code|codes|type|types|info|data|desc|status|dm|mc|bm|lx|qk|xx)?"
_CHINESE_SUFFIX = r"(?:情况|类别|派别|名称|代码|编码|信息|类型|结果|说明|资料|记录)?"
_LATIN_WORDS = {kind: re.compile(f"(?:{'|'.join(words.split())}){_SUFFIX}") for kind, words in _LATIN.items()}
_CHINESE_WORDS = {kind: re.compile(words) for kind, words in _CHINESE.items()}
_WHOLE = re.compile(
    "|".join(f"(?:{'|'.join(words.split())}){_SUFFIX}" for words in _LATIN.values())
    + f"|(?:{'|'.join(_CHINESE.values())}){_CHINESE_SUFFIX}"
)
_OFFICE_FOLLOWS = re.compile(r"(?:disease|religious|religion)s?(?:control|prevention|surveillance|affairs).*")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LETTERS = re.compile(r"[a-z]+")
_PLAIN_NAME = re.compile(r"(?!.*\d{4})[^\W\d]\w{0,63}")


@lru_cache(maxsize=4096)
def prohibited_field(name: str) -> str | None:
    """The ``ProhibitedKind`` that a column or field of that name holds; None for any other name.

    Case, width and separators do not matter. Latin names match by whole words, so that ``general`` is no
    ``gene``; Chinese names match by the words of the article and their synonyms.
    """
    plain = _plain(name)
    han = re.sub(r"[\W_]", "", plain)
    for kind, words in _CHINESE_WORDS.items():
        if words.search(han):
            return kind.value
    runs = {*_runs(_CAMEL.sub(" ", plain)), *_runs(plain)}
    if any(_OFFICE_FOLLOWS.fullmatch(run) for run in runs):
        return None
    # The longest run decides: "disease history" is medical history.
    for run in sorted(runs, key=lambda run: (-len(run), run)):
        for kind, pattern in _LATIN_WORDS.items():
            if pattern.fullmatch(run):
                return kind.value
    return None


def refuse_prohibited(value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Raise ``InvalidRecordError("data_prohibited")`` when a decoded record holds data of 办法二 Art. 14.

    Every key with a value is examined at every depth; ``facts`` and ``reason`` are read as text. ``path`` says
    where and ``detail`` which kind; no message repeats a value, or a key that may contain one. More than
    ``MAX_DEPTH`` levels are refused as ``field_invalid``.
    """
    _walk(value, "$", 0)


def _walk(value: Any, path: str, depth: int) -> None:  # noqa: ANN401
    if depth > MAX_DEPTH:
        raise InvalidRecordError("field_invalid", detail=f"More than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            _examine(str(key), item, path, depth)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]", depth + 1)


def _examine(key: str, item: Any, path: str, depth: int) -> None:  # noqa: ANN401
    kind = prohibited_field(key)
    if kind is not None and not _empty(item):
        raise _refusal(f"{path}.{_path_name(key) if _WHOLE.fullmatch(_compact(key)) else '?'}", kind)
    if key in FREE_TEXT and isinstance(item, str):
        stated = stated_kind(item)
        if stated is not None:
            raise _refusal(f"{path}.{_path_name(key)}", stated.value)
    elif isinstance(item, dict | list | tuple):
        _walk(item, f"{path}.{_path_name(key)}", depth + 1)


def _refusal(path: str, kind: str) -> InvalidRecordError:
    return InvalidRecordError("data_prohibited", path=path, detail=kind, text=DATA_PROHIBITED)


def _path_name(key: str) -> str:
    """The key as a path names it, or ``?``: keys are the sender's text and may contain a number or a sentence."""
    return key if _PLAIN_NAME.fullmatch(key) else "?"


def _empty(value: Any) -> bool:  # noqa: ANN401
    """Whether a key has no value. ``无`` and ``false`` are values."""
    if isinstance(value, str):
        return value.strip(_EMPTY_MARKS).casefold() in ("", "null")
    if isinstance(value, dict):
        return all(_empty(item) for item in value.values())
    return all(_empty(item) for item in value) if isinstance(value, list | tuple) else value is None


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name)
    return "".join(char for char in folded if unicodedata.category(char) != "Cf")


def _compact(name: str) -> str:
    return re.sub(r"[\W_]", "", _plain(name).casefold())


def _runs(name: str) -> Iterator[str]:
    """Neighbouring words joined, so that ``blood_type``, ``BloodType`` and ``bloodtype`` are the same."""
    words = _LETTERS.findall(name.casefold())
    for start in range(len(words)):
        for end in range(start + 1, min(start + _MAX_RUN_WORDS, len(words)) + 1):
            yield "".join(words[start:end])
