"""The base of all errors, and what can be wrong with a feed record: one stable code each, in English and Chinese.

The code is the same in the HTTP answer, the receipt, the dead letter, the log and the metric. Texts never contain
what was sent, so that no error carries an identifier.
"""

from typing import NamedTuple


class Text(NamedTuple):
    """One sentence in both languages."""

    en: str
    zh: str


class CreditGateError(Exception):
    """The base of every error that this project raises."""


class InvalidRecordError(CreditGateError, ValueError):
    """A feed record that can never be applied as it is. It becomes a dead letter, and the stream continues.

    ``code`` is a key of ``RECORD_FAULTS``, ``data_prohibited``, or a code of ``InvalidIdentifierError``; ``path``
    says where in the record, as ``$.subject.id``.
    """

    def __init__(self, code: str, *, path: str = "$", detail: str = "", text: Text | None = None) -> None:
        self.code = code
        self.path = path
        self.detail = detail
        self.text = text or RECORD_FAULTS[code]
        super().__init__(f"{code} at {path}")

    def as_dict(self) -> dict[str, str]:
        """The fault as receipts and dead letters state it."""
        fault = {"code": self.code, "path": self.path, "reason": self.text.en, "reason_zh": self.text.zh}
        return fault | ({"detail": self.detail} if self.detail else {})


RECORD_FAULTS: dict[str, Text] = {
    "json_invalid": Text("The record is not valid JSON in UTF-8.", "记录不是有效的 UTF-8 编码 JSON。"),
    "record_not_object": Text("A record must be a JSON object.", "一条记录必须是一个 JSON 对象。"),
    "record_too_large": Text("One record may have at most 64 KiB.", "单条记录不得超过 64 KiB。"),
    "field_invalid": Text("A field is missing or has the wrong form.", "字段缺失或格式不正确。"),
    "field_unknown": Text(
        "The record has a field that feed record v1 does not know.", "记录含有报送格式 v1 未定义的字段。"
    ),
    "authority_unknown": Text("No such authority is registered.", "该认定单位未登记。"),
    "authority_mismatch": Text(
        "The record names another authority than the one that sends it.", "记录中的认定单位与报送单位不一致。"
    ),
    "category_not_permitted": Text(
        "This authority may not determine this category (办法一 Art. 3).",
        "该单位无权认定此类名单（办法一第三条：谁主管、谁认定、谁负责）。",
    ),
    "category_list_mismatch": Text(
        "The category does not belong to this list: C01–C12 are black, R01–R04 are red.",
        "类别与名单不符：C01–C12 属黑名单，R01–R04 属红名单。",
    ),
    "determined_in_future": Text(
        "The day of determination or of another act lies in the future.", "认定等日期晚于今天。"
    ),
    "validity_reversed": Text("The record ends before it was determined.", "有效期截止日早于认定日。"),
    "subject_minor": Text(
        "The subject was under 18 when determined (办法二 Art. 2).",
        "认定时该自然人未满 18 周岁（办法二第二条：完全民事行为能力）。",
    ),
    "subject_kind_mismatch": Text(
        "The identifier is of another kind of subject than the record says.", "证件号码与主体类型不符。"
    ),
    "not_of_snapshot": Text(
        "A full list (mode=snapshot) holds `list` records of one list only.",
        "全量名单（mode=snapshot）只能包含同一名单的 list 记录。",
    ),
}
