"""The closed vocabularies of the field: each value appears unchanged in JSON, YAML, logs and metrics."""

from enum import StrEnum


class ListColour(StrEnum):
    """Which list a determination puts its subject on (办法一 Art. 5 and 6)."""

    RED = "red"
    BLACK = "black"


class Determination(StrEnum):
    """What kind of act is reported.

    Only a list decision is a ground for discipline (办法一 Art. 14). An administrative penalty is negative
    information (办法二 Art. 12（九）) and warns at most.
    """

    LIST_DECISION = "list_decision"
    ADMINISTRATIVE_PENALTY = "administrative_penalty"


class Severity(StrEnum):
    """失信程度: general 一般, serious 较重, severe 严重, unspecified 未明确 (办法二 Art. 15, 27 and 31)."""

    GENERAL = "general"
    SERIOUS = "serious"
    SEVERE = "severe"
    UNSPECIFIED = "unspecified"


class DataClass(StrEnum):
    """Who may use a record (办法二 Art. 18): 社会公开, 政府共享, 授权查询. Unstated: the last."""

    PUBLIC = "public"
    GOVERNMENT = "government"
    AUTHORISED = "authorised"


class Outcome(StrEnum):
    """What happens to the transaction (处置), from the mildest to the strictest.

    ``fast_track``: 绿色通道 (办法一 Art. 13（二）). ``lock``, ``intercept``: 自动锁定, 自动拦截 (个人意见 五（二）).
    """

    FAST_TRACK = "fast_track"
    ALLOW = "allow"
    WARN = "warn"
    REVIEW = "review"
    LOCK = "lock"
    INTERCEPT = "intercept"

    @property
    def rank(self) -> int:
        """Position in the order of strictness."""
        return _RANKS[self]


_RANKS = {outcome: rank for rank, outcome in enumerate(Outcome)}


def strictest(*outcomes: Outcome) -> Outcome:
    """The strictest of these outcomes; ``allow`` when there is none."""
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.ALLOW)


class LockScope(StrEnum):
    """What is locked: this transaction, or the subject's account on the platform (电商意见 五（二）)."""

    TRANSACTION = "transaction"
    ACCOUNT = "account"


class Role(StrEnum):
    """The role of a subject in a transaction."""

    APPLICANT = "applicant"
    BIDDER = "bidder"
    CONSORTIUM_MEMBER = "consortium_member"
    SELLER = "seller"
    BORROWER = "borrower"
    LEGAL_REPRESENTATIVE = "legal_representative"
    PRINCIPAL = "principal"
    KEY_PERSON = "key_person"
    GUARANTOR = "guarantor"
    BENEFICIAL_OWNER = "beneficial_owner"
    AGENT = "agent"


class ResponsibleRole(StrEnum):
    """Why a person is responsible for a listed organisation (办法二 Art. 26)."""

    LEGAL_REPRESENTATIVE = "legal_representative"
    PRINCIPAL = "principal"
    DIRECTLY_RESPONSIBLE = "directly_responsible"


class BasisKind(StrEnum):
    """The legal rank of a document: 法律, 法规, 规章, 规范性文件, other (办法一 Art. 12, 办法二 Art. 27)."""

    LAW = "law"
    REGULATION = "regulation"
    RULE = "rule"
    NORMATIVE_DOCUMENT = "normative_document"
    OTHER = "other"


class ObjectionSubject(StrEnum):
    """What an objection concerns."""

    LISTING = "listing"
    REPAIR = "repair"


class ObjectionResult(StrEnum):
    """How an objection was resolved (办法一 Art. 16)."""

    UPHELD = "upheld"
    REJECTED = "rejected"


BLACK_CATEGORIES = {
    "C01": "严重危害人民群众身体健康和公共安全",
    "C02": "严重破坏市场公平竞争秩序",
    "C03": "非法占用自然资源、严重违反城乡规划建设管理",
    "C04": "严重扰乱社会秩序",
    "C05": "去产能中拒不履行法定义务",
    "C06": "提供虚假材料骗取政府专项资金等支持",
    "C07": "失信被执行人",
    "C08": "拒不履行国防义务",
    "C09": "对违法违规行为拒不改正",
    "C10": "建设工程设计方案不符合标准",
    "C11": "虚假承诺或不履行承诺",
    "C12": "职能部门认定的其他失信情形",
}
"""办法一 Art. 6（一）–（十二）."""

RED_CATEGORIES = {
    "R01": "党中央、国务院、国家部委认定的荣誉",
    "R02": "省级以上行业协会商会推荐的诚信会员",
    "R03": "省级以上新闻媒体挖掘的诚信主体",
    "R04": "县级以上政府、市级以上机关认定的诚信荣誉",
}
"""办法一 Art. 5（一）–（四）."""
