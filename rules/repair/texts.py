"""The texts of credit repair, English and Chinese: each requirement with its code and article, and the facts."""

from rules.faults import Text

_J18 = "办法一第十八条"
_G31 = "办法二第三十一条"
_BAR = f"{_G31}（二）"
_N36 = "信用修复管理办法（国家发展改革委令第36号）"

REQUIREMENTS: dict[str, tuple[str, Text]] = {
    "J18_PERIOD": (_J18, Text("The listing still counts.", "在黑名单信息使用期限内")),
    "J18_PERFORMED": (
        f"{_J18}（一）（二）",
        Text(
            "All legal duties are performed or the rectification is completed, and the authority confirms it.",
            "已按规定全面履行法定义务或完成整改，并经信息提供单位确认",
        ),
    ),
    "J18_IMPACT": (
        f"{_J18}（一）",
        Text(
            "The harm done is essentially undone. Item (二) does not repeat this; the stricter reading applies.",
            "该失信行为的不良社会影响已基本消除（第（二）项未重复此要求，从严适用）",
        ),
    ),
    "J18_QUIET": (
        f"{_J18}（一）（二）",
        Text(
            "No severe discredit since then: for 6 months on a first listing, for 12 on any other.",
            "其后未再发生严重失信行为：初次列入6个月，非初次列入12个月",
        ),
    ),
    "J18_REMORSE": (
        f"{_J18}（三）",
        Text("The authority recognises marked remorse.", "有信息提供单位认可的其他重大悔改表现"),
    ),
    "J18_MEASURES": (
        f"{_J18}（三）",
        Text(
            "Effective measures prevent another severe discredit, and credit is managed by a system.",
            "已采取有效措施防止再次发生严重失信行为，建立信用管理制度",
        ),
    ),
    "J18_COMMITMENT": (f"{_J18}（三）", Text("It is promised not to offend again.", "承诺不再失信")),
    "G31_PERIOD": (_G31, Text("The record still counts.", "在失信信息使用期限内")),
    "G31_A1": (f"{_G31}（一）", Text("It has been published for 3 months.", "失信信息公示期满3个月以上")),
    "G31_A2": (
        f"{_G31}（一）",
        Text(
            "The discredit is corrected, with clear effect, and the harm essentially undone.",
            "已对失信行为进行了纠正，并取得明显成效，不良社会影响已基本消除",
        ),
    ),
    "G31_A3": (
        f"{_G31}（一）",
        Text("No discredit of the same kind for 1 year since.", "自纠正之日起，1年内未再发生同类失信行为"),
    ),
    "G31_B1": (
        f"{_BAR}1",
        Text(
            "No severe discredit, and fewer than 3 serious ones, within 1 year; this record itself is counted.",
            "1年内无严重失信行为，且较重失信行为不足3次（本条记录计算在内）",
        ),
    ),
    "G31_B2": (f"{_BAR}2", Text("The enterprise is not in bankruptcy.", "企业未进入破产程序")),
    "G31_B3": (f"{_BAR}3", Text("1 year has passed since the last repair.", "距离上一次信用修复时间已满1年")),
    "G31_B4": (f"{_BAR}4", Text("Fewer than 2 repairs in 5 years.", "5年内信用修复累计未满2次")),
    "G31_B5": (
        f"{_BAR}5",
        Text("No repair of the same kind of discredit in 5 years.", "5年内同一类失信行为未曾修复"),
    ),
    "G31_B6": (
        f"{_BAR}6",
        Text(
            "The organisation did not ignore a credit warning or an interview.",
            "社会法人未有接到信用提醒、约谈后经督促仍不履行的情形",
        ),
    ),
    "G31_B7": (
        f"{_BAR}7",
        Text("No department has lawfully determined another bar.", "无部门依法依规认定的其他不能实施信用修复的情形"),
    ),
    "G31_C": (
        f"{_G31}（三）",
        Text(
            "Credit is managed by a system, and it is promised not to offend again.",
            "强化诚信自律意识、建立信用管理制度并承诺不再失信",
        ),
    ),
    "N36_IN_FORCE": (_N36, Text("The order is in force: from 2026-04-01.", "该办法已施行（自2026年4月1日起）")),
    "N36_PERIOD": (_N36, Text("The record still counts.", "失信信息仍在公示和使用期限内")),
    "N36_SHORTEST": (
        f"{_N36}、国办发〔2025〕22号",
        Text(
            "The shortest publicity is over, from the day of the document: 3 months for a general discredit,"
            " 1 year for a severe one.",
            "自文书认定之日起已满最短公示期：一般失信3个月，严重失信1年",
        ),
    ),
    "N36_DUTIES": (_N36, Text("The duties are performed.", "已履行相关义务、纠正失信行为")),
    "N36_COMMITMENT": (_N36, Text("A credit commitment is made.", "已作出信用承诺")),
    "N36_BANKRUPTCY": (
        f"{_N36}、国办发〔2025〕22号",
        Text(
            "No bankruptcy; in a reorganisation discipline may be suspended.",
            "未进入破产程序；破产重整的，可以暂停惩戒",
        ),
    ),
    "N36_REST": (
        _N36,
        Text(
            "What else the order and the rules of the particular list require.",
            "该办法及该领域名单管理规定的其他要求",
        ),
    ),
}

FACTS: dict[str, Text] = {
    "corrected": Text("corrected", "已纠正"),
    "correction_effective": Text("with clear effect", "取得明显成效"),
    "impact_eliminated": Text("harm undone", "不良社会影响基本消除"),
    "remorse_recognised": Text("remorse recognised by the authority", "信息提供单位认可的重大悔改表现"),
    "measures_taken": Text("preventive measures", "防止再次失信的有效措施"),
    "credit_system": Text("a credit management system", "信用管理制度"),
    "commitment": Text("the promise not to offend again", "不再失信的承诺"),
    "bankruptcy_proceedings": Text("bankruptcy", "破产程序"),
    "ignored_warning": Text("a warning or interview ignored", "信用提醒或约谈后不履行"),
    "other_bar": Text("another bar determined by a department", "部门认定的其他不得修复情形"),
}
"""The stated facts (``case.StatedFacts``) as reasons name them."""
