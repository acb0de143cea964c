"""Finds statements about a person in free text that 办法二 Art. 14 forbids to collect.

The same words occur in the facts of many violations: 医疗废物, 疾病预防控制中心, 非法行医, 转基因标识. So the text is
read in two steps. First, the names of offices, laws, products, animals and classes of people ("患有传染病的人员")
are taken out. Then only a *statement* counts: a word of the article together with its value, its holder or its
finding ("血型为A型", "患有肝癌", "系佛教徒"). A word alone is no statement.

Doubt favours the sender where the text speaks of no particular person ("导致12人感染"), and the person where it
does, even when the violation itself is about it ("投保时隐瞒其糖尿病病史"): the facts can be stated without the
diagnosis. What word lists cannot detect remains the authority's duty under the article.
"""

import re
import unicodedata
from enum import StrEnum


class ProhibitedKind(StrEnum):
    """宗教信仰, 基因, 血型, 疾病, 病史: the five kinds of 办法二 Art. 14."""

    RELIGION = "religion"
    GENETIC = "genetic"
    BLOOD_TYPE = "blood_type"
    DISEASE = "disease"
    MEDICAL_HISTORY = "medical_history"


_PEOPLE = (
    "人|从业|劳动者|职工|员工|工人|学生|病人|患者|儿童|老年|群众|消费者|顾客|妇女|未成年|孕产妇|动物|家畜|家禽|畜禽"
)
_CREATURE = "动物|畜|禽|猪|牛|羊|犬|狗|猫|鸡|鸭|鹅|鱼|虾|树|松|植物|作物|水稻|小麦|苗木"
_FAITH = "佛教|道教|基督教|天主教|伊斯兰教|东正教|犹太教|印度教|喇嘛教|藏传佛教|宗教"
_BELIEVER = "基督徒|穆斯林|佛门弟子|居士|教徒|信徒|教友"
_ILLNESS = (
    r"病|症|癌|瘤|肝炎|肺炎|肾炎|炎症|关节炎|结核|梅毒|淋病|艾滋|HIV|抑郁|癫痫|高血压|糖尿|尿毒|帕金森|中风|偏瘫|脑梗|心梗|"
    r"精神障碍|心理障碍|梗死|出血|衰竭|感染|新冠|不孕|哮喘|红斑狼疮"
)
_CARRIED = "艾滋病?|HIV|乙肝|乙型肝炎|丙肝|丙型肝炎|梅毒|结核|肺结核|新冠|新型冠状|性病"
_NO_FINDING = "(?!名|由|噱头|幌子|借口|手段|依据|业|主)"

_INNOCENT = re.compile(
    "|".join(
        (
            r"《[^》]{1,60}》",  # the title of a law
            r"(?:动物|植物|动植物)?(?:疾病|疫病|传染病|职业病|地方病|性病|艾滋病|精神病|结核病|血吸虫病|慢性病)"
            r"(?:预防控制|预防|防治|防控|控制|监测|危害|应急|诊断(?:机构|资质|证明)|鉴定机构|院|医院|防治院|防治法|门诊)",
            r"(?:非|含)?转基因",
            r"(?:宣称|声称|宣传|广告|谎称|标称|标注|暗示|可以?|能够?|用于)[^,。;:]{0,12}(?:治疗|治愈|根治|预防|缓解|防治)"
            r"[^,。;:]{0,30}",
            rf"(?:{_CREATURE}|瘟|禽流感|布病|产品|食品|包装|残留)[^,。;:]{{0,14}}阳性",
            r"因病死亡的",
            r"患者",  # usually the victim of a violation; a person stated to be one is found by the words before it
            rf"(?:{_CREATURE})[^,。;:]{{0,6}}患(?:有|上|了)?[^,。;:]{{1,12}}病",
            rf"患(?:有|上|了)?[^,。;:]{{0,24}}?的(?:{_PEOPLE})",
            rf"患病(?:的)?(?:{_PEOPLE}|{_CREATURE}|率)",
            rf"患(?:有|上|了)?(?:职业病|传染病|精神病|疾病)(?:或者?[^,。;:]{{1,10}})?(?:{_PEOPLE})",
            r"(?:导致|造成|引起|致使|致)[^。;]{0,14}(?:感染|患病|发病|患上[^,。;]{1,8}病)",
            r"(?:伪造|变造|篡改|涂改|隐匿|销毁|虚构|编造|泄露|出售|买卖|倒卖|买入|贩卖|毁灭|抢夺)[^,。;:]{0,16}"
            r"(?:病史|病历|病案|诊断|检测结果|检测报告|血型|病情|疾病)(?:资料|记录|信息|证明|报告|书)?(?![:为是系])",
            r"(?:询问|采集|核对|核实|登记|复核|记录|告知)[^,。;:]{0,10}(?:病史|血型)",
            r"病历(?:资料|书写)",
        )
    )
)

_STATEMENTS: dict[ProhibitedKind, re.Pattern[str]] = {
    ProhibitedKind.RELIGION: re.compile(
        rf"宗教信仰(?:情况)?(?:[:是系]|为{_NO_FINDING}|(?:{_FAITH}))"
        rf"|(?:信仰|信奉|皈依|改信)(?:了)?(?:{_FAITH})(?!自由|事务|活动)"
        rf"|(?:^|[,。;其某他她])信(?:{_FAITH})"
        rf"|(?:系|是|为|属|作为|,|某)(?:一名|虔诚的?|当地)*(?:(?:{_FAITH})徒|(?:{_FAITH})?的?(?:{_BELIEVER}))(?:[,。;、]|$)"
    ),
    ProhibitedKind.GENETIC: re.compile(
        r"(?:基因|DNA|染色体)(?:检测|测序|鉴定|分型|诊断|筛查|检查)?(?:的?(?:结果|报告|结论))?"
        r"(?:显示|证实|提示|表明|呈|异常|阳性|阴性|:)|(?:基因|DNA)[^,。;]{0,4}(?:结果|结论)[为是]"
        r"|携带[^,。;]{0,15}(?:致病|突变|缺陷|易感)?基因|(?:存在|有|系)[^,。;]{0,10}(?:基因(?:突变|缺陷|缺失|携带))"
        r"|基因型[:为是]"
    ),
    ProhibitedKind.BLOOD_TYPE: re.compile(
        r"血型(?:鉴定|检测|检验)?(?:结果)?[:为是系]?(?:RH[^,。;]{0,6})?(?:AB|A|B|O|RH)(?![A-Z])"
        r"|血型[:为是系]\S"
        r"|(?:系|是|为|属)(?:稀有)?(?:(?:AB|A|B|O)型(?:RH[^,。;]{0,6})?血|熊猫血)"
        r"|RH\(?D?\)?[阴阳]性血?"
    ),
    ProhibitedKind.MEDICAL_HISTORY: re.compile(
        r"病史|(?:既往史|家族史|过敏史|手术史|住院史|用药史|治疗史|诊疗史)[:为有]|(?:有|无|存在)[^,。;]{0,8}"
        r"(?:既往史|过敏史|手术史|住院史|用药史|精神病治疗史)|病历(?:记载|显示|载明)其?"
    ),
    ProhibitedKind.DISEASE: re.compile(
        rf"(?<![隐后忧医水祸])患(?:有|上|了|得)?[^,。;:]{{0,14}}?(?:{_ILLNESS})"
        r"|(?:身染|身患|患)(?:重|恶|绝|顽|隐)?(?:疾|病)"
        r"|因病(?:住院|手术|死亡|去世|休养|治疗|丧失|瘫痪|卧床)"
        r"|确诊(?:其|系)?(?:为|患|感染|得)|(?:已|被|经[^,。;]{1,16}|后)确诊(?!的|病例|标准)"
        rf"|(?<!故障)(?<!系统)诊断(?:结果|结论|意见)?(?:为{_NO_FINDING}|系(?!统|列)|:)"
        rf"|(?:{_CARRIED}|核酸)(?:病毒|病)?(?:表面抗原|抗体|抗原|检测|检验|筛查|化验)*(?:结果)?(?:呈|为|系|[:])?阳性"
        rf"|(?:^|[,。;、(:系是为属某])(?:{_CARRIED}|精神)(?:病毒|病)?(?:携带者|感染者|病人|□)(?=[,。;、)]|$)"
        rf"|感染(?:了|有|上|过)?(?:{_CARRIED})(?:病毒|病)?(?!防治|检测|疫苗)|携带(?:{_CARRIED})(?:病毒|病菌|杆菌)(?!检测)"
        r"|[癌瘤症](?:早|中|晚)期|(?:系|是|为|属)[^,。;]{0,10}[病症癌]□"
        r"|(?:所患|主要|既有)疾病[:为是]|疾病(?:名称|情况|类型)?[:]|(?<!□)(?<!□的)病情(?:严重|加重|恶化|稳定|危重|诊断)"
        r"|健康状况[:为](?!良好|健康)"
    ),
}


def stated_kind(text: str) -> ProhibitedKind | None:
    """The prohibited kind that the text states about a person; None when it states none."""
    # NFKC unifies ： and :, Ａ and A. Spaces and line breaks inside a cell do not separate words.
    plain = "".join(unicodedata.normalize("NFKC", text).upper().translate(_MARKS).split())
    rest = _INNOCENT.sub(lambda found: "□" if found[0] == "患者" else "…", plain)
    return next((kind for kind, statement in _STATEMENTS.items() if statement.search(rest)), None)


_MARKS = str.maketrans({"!": "。", "?": "。", "\u200b": None, "\ufeff": None})
