"""Invented people and organisations, with identifiers that are valid in form and belong to no one.

A person's identifier has county code 320899, which GB/T 2260 has never assigned. An organisation's code starts with
MAYT, far beyond the codes assigned today. Identifiers of residence permits have no room for such a mark. No name is
used twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, NamedTuple

from rules.calendar import years_after
from rules.identity.forms import org_check, person_check, uscc_check

_SURNAMES = "沈陆顾祁殷邵柏嵇卞骆樊闵席阮翁荀虞滕芮储"
_GIVEN = ("知望怀砚听临疏拂栖照叙泊牧折缓", "微舟棠樾澜岫笙禾潮屿砂蘅筠眠汀")
_BRAND = ("云岚砚澄霁栖沐溯晏穗泊翎棠屿岑漱觅昀", "岫汀禾舟岭樾渚朔麓屏笙埠棹筏隰塬")
_RESERVED = {"沈知微", "陆行舟", "嵇叙澜", "祁照笙", "卞听筠", "殷望棠"}
_PERMIT_REGIONS = ("810000", "820000", "830000")
_STREETS = ("听漕路", "砚池街", "望棹大道", "晏波路", "霁川路", "枕淮巷", "澄泊街", "霜橹路", "拾贝路", "溯帆街")

COUNTIES = {
    "320803": "淮安区",
    "320804": "淮阴区",
    "320812": "清江浦区",
    "320813": "洪泽区",
    "320826": "涟水县",
    "320830": "盱眙县",
    "320831": "金湖县",
}


class Form(NamedTuple):
    """A legal form: the prefix of its credit code, the suffix of its name, and how often it is drawn."""

    prefix: str
    suffix: str
    nature: str
    weight: int


_FORMS = (
    Form("91", "有限公司", "有限责任公司", 66),
    Form("92", "经营部", "个体工商户", 18),
    Form("93", "专业合作社", "农民专业合作社", 7),
    Form("52", "服务中心", "民办非企业单位", 5),
    Form("91", "股份有限公司", "股份有限公司", 4),
)


@dataclass
class Population:
    """All subjects of the samples, each with a unique name and identifier. Callers pass the office's ``rng``."""

    taken: set[str] = field(default_factory=lambda: set(_RESERVED))
    serial: int = 0

    def name(self, rng: Random) -> str:
        """A person's name that is not in use."""
        return self._unused(lambda: rng.choice(_SURNAMES) + "".join(rng.choice(part) for part in _GIVEN))

    def person_number(self, rng: Random, region: str = "320899", born_since: int = 1958) -> str:
        """An 18-character identifier of an adult; the 17th digit is odd for men."""

        def draw() -> str:
            born = f"{rng.randrange(born_since, 2005)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
            first_17 = f"{region}{born}{rng.randrange(700, 990)}"
            return first_17 + person_check(first_17)

        return self._unused(draw)

    def person(self, rng: Random, on: date, style: str, born_since: int = 1958) -> dict[str, Any]:
        """A person as an office reports one. ``style`` of the identifier: whole, old (15 digits), masked, permit."""
        region = rng.choice(_PERMIT_REGIONS) if style == "permit" else "320899"
        number = self.person_number(rng, region, born_since)
        if style == "old":
            number = number[:6] + "19" + str(rng.randrange(58, 80)) + number[10:]
        subject: dict[str, Any] = {"kind": "natural_person", "name": self.name(rng)} | _written(number, style)
        subject |= {"gender": "男" if int(number[16]) % 2 else "女", "age": _age(number, on)}
        if rng.random() < 0.3:
            subject["employer"] = self.company_name(rng, "商贸", _FORMS[0], "淮安")
        return subject

    def organisation(self, rng: Random, trades: tuple[str, ...]) -> dict[str, Any]:
        """An organisation of one of the trades; every 60th has an organisation code instead of a credit code."""
        form = rng.choices(_FORMS, [form.weight for form in _FORMS])[0]
        region = rng.choice(tuple(COUNTIES))
        county = COUNTIES[region]
        self.serial += 1
        code = f"MAYT{self.serial:04d}"
        code += org_check(code)
        number = form.prefix + region + code
        number += uscc_check(number)
        by_code = self.serial % 60 == 0
        return {
            "kind": "organisation",
            "name": self.company_name(rng, rng.choice(trades), form, rng.choice(("淮安", f"淮安市{county}"))),
            "id": f"{code[:8]}-{code[8]}" if by_code else number,
            "id_type": "org_code" if by_code else "uscc",
            "registered_address": f"淮安市{county}{rng.choice(_STREETS)}{rng.randrange(1, 300)}号",
            "nature": form.nature,
            "legal_representative": self.name(rng),
        }

    def company_name(self, rng: Random, trade: str, form: Form, place: str) -> str:
        """An organisation's name that is not in use."""
        brand = self._unused(lambda: "".join(rng.choice(part) for part in _BRAND) + trade)
        return place + brand + form.suffix

    def _unused(self, draw: Callable[[], str]) -> str:
        while (found := draw()) in self.taken:
            pass
        self.taken.add(found)
        return found


def street(rng: Random) -> str:
    """An invented street."""
    return rng.choice(_STREETS)


def _written(number: str, style: str) -> dict[str, str]:
    if style == "masked":
        return {"id": f"{number[:10]}****{number[14:]}"}
    if style == "old":
        return {"id": number[:6] + number[8:17], "id_type": "resident_id"}
    return {"id": number, "id_type": "residence_permit" if style == "permit" else "resident_id"}


def _age(number: str, on: date) -> int:
    born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    years = on.year - born.year
    return years if on >= years_after(born, years) else years - 1
