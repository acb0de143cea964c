"""What can be wrong with a subject's number: a code, a message and a hint, in English and Chinese."""

from rules.faults import CreditGateError, Text
from rules.identity.forms import IdType

IDENTIFIER_FAULTS: dict[str, tuple[Text, Text]] = {
    "identifier_empty": (
        Text("The identifier is empty.", "证件号码为空。"),
        Text("Give the number, or leave the field out.", "请填写号码，或不提供该字段。"),
    ),
    "identifier_length": (
        Text("No identifier of this kind has this length.", "证件号码长度不正确。"),
        Text(
            "Persons have 18 (formerly 15) characters, credit codes 18, organisation codes 9; "
            "write an ellipsis for an unknown number of hidden characters.",
            "自然人号码为18位（旧号15位），统一社会信用代码18位，组织机构代码9位；隐藏位数不明时请用省略号。",
        ),
    ),
    "identifier_characters": (
        Text("The identifier has a character that cannot stand there.", "证件号码含有该位置不允许的字符。"),
        Text(
            "Credit codes never contain I, O, S, V, Z; check for O in place of 0 and I in place of 1.",
            "统一社会信用代码不使用字母 I、O、S、V、Z；请检查是否把 0 误作 O、1 误作 I。",
        ),
    ),
    "identifier_check_digit": (
        Text("The last character does not match the rest.", "校验码不符。"),
        Text("A character may be mistyped or two may be transposed.", "可能有字符录错或相邻两位颠倒。"),
    ),
    "identifier_birth_date": (
        Text(
            "The birth date in the identifier is impossible or in the future.",
            "号码中的出生日期不存在或晚于今天。",
        ),
        Text("Check year, month and day.", "请核对年、月、日。"),
    ),
    "identifier_registration_number": (
        Text("This looks like a 15-digit business registration number.", "该号码疑似15位工商注册号。"),
        Text("Give the unified social credit code.", "请提供统一社会信用代码。"),
    ),
    "identifier_type_unknown": (
        Text("The identifier type is not known.", "证件类型未定义。"),
        Text(f"Known types: {', '.join(IdType)}.", f"可用类型：{'、'.join(IdType)}。"),
    ),
    "identifier_type_mismatch": (
        Text("The identifier is not of the declared type.", "证件号码与所填证件类型不符。"),
        Text("It is valid as another kind; correct the type.", "该号码按其他类型有效，请更正证件类型。"),
    ),
    "identifier_ambiguous": (
        Text(
            "The identifier is valid both for a person and for an organisation.",
            "该号码按自然人和法人两种规则均有效。",
        ),
        Text("Declare the identifier type.", "请注明证件类型。"),
    ),
    "identifier_masked_whole": (
        Text("Every character of the identifier is hidden.", "证件号码全部被隐藏。"),
        Text("Give the visible characters, or leave the field out.", "请提供可见字符，或不提供该字段。"),
    ),
}


class InvalidIdentifierError(CreditGateError, ValueError):
    """The text is no valid identifier. Made from its code alone, so that no message can repeat the text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        (self.message, self.message_zh), (self.hint, self.hint_zh) = IDENTIFIER_FAULTS[code]

    @property
    def text(self) -> Text:
        """Message and hint together."""
        return Text(f"{self.message} {self.hint}", f"{self.message_zh}{self.hint_zh}")

    def __str__(self) -> str:
        return self.message
