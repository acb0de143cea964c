"""The feed records of one invented office, generated from its texts. The same seed gives the same records."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from rules.calendar import SHANGHAI, to_milliseconds, years_after
from scripts.sample_offices import ListingGround, Office, Record
from scripts.sample_people import Population, street

_SEED = "CreditGate samples 1"
_COURTS = {
    "0803": "淮安市淮安区",
    "0804": "淮安市淮阴区",
    "0812": "淮安市清江浦区",
    "0813": "淮安市洪泽区",
    "0826": "涟水县",
    "0830": "盱眙县",
    "0831": "金湖县",
}
_SEVERITIES = {"severe": 50, "serious": 20, "unspecified": 20, "general": 10}
_CLASSES = ("public", "government", "authorised")


def records_of(code: str, office: Office, population: Population) -> list[Record]:
    """All records of the office: its listings by day, then its removals."""
    generator = _RecordGenerator(Random(f"{_SEED} {code}"), office, population)
    listings = generator.listings()
    removals = [generator.removal(r) for r in list(filter(_removable, listings))[: office.made.removed]]
    listings = sorted([*listings, *office.fixed], key=lambda r: str(r["determined_on"]))
    return [{"operation": "list"} | r for r in listings] + removals


class _RecordGenerator:
    def __init__(self, rng: Random, office: Office, population: Population) -> None:
        self.rng, self.office, self.population = rng, office, population
        self.persons = 0
        self.numbers: dict[tuple[str, int], int] = {}

    def listings(self) -> list[Record]:
        office, made = self.office, self.office.made
        plan = [
            *((office.black, "black", self._recent) for _ in range(made.black)),
            *((office.black, "expired", self._long_ago) for _ in range(made.expired)),
            *((office.penalties, "penalty", self._recent) for _ in range(made.penalties)),
            *((office.red, "red", self._recent) for _ in range(made.red)),
        ]
        planned = sorted(
            ((day(), place, grounds[place % len(grounds)], sort) for place, (grounds, sort, day) in enumerate(plan)),
            key=lambda one: one[:2],
        )
        return [self._listing(sort, ground, on) for on, _, ground, sort in planned]

    def removal(self, listed: Record) -> Record:
        on = _working_day(date(2026, 9, 14) + timedelta(days=self.rng.randrange(45)))
        pattern = self.office.documents["removal"]
        version = listed.setdefault("version", 1)
        return {
            "operation": "remove",
            "record_no": listed["record_no"],
            "version": self._moment(on) if self.office.versions == "ms" else version + 1,
            "document_no": pattern.format(year=on.year, no=self._next(pattern, on), document=listed["document_no"]),
            "determined_on": on.isoformat(),
            "reason": self.office.removal,
        }

    def _listing(self, sort: str, ground: ListingGround, on: date) -> Record:
        filling = self._filling(on)
        colour = "red" if sort == "red" else "black"
        document = self.office.documents["black" if sort == "expired" else sort]
        listed: Record = {
            "record_no": self.office.record_no.format(year=on.year, no=self._next("record", on)),
            "list": colour,
            "category": ground.category,
            "determination": "administrative_penalty" if sort == "penalty" else "list_decision",
            "subject": self._subject(ground, on),
            "facts": ground.facts.format_map(filling),
            "basis": ground.basis.format_map(filling),
            "document_no": document.format(no=self._next(document, on), **filling),
            "determined_on": on.isoformat(),
        }
        return listed | self._version(on) | self._class() | self._term(sort, on) | self._responsible(sort, listed)

    def _subject(self, ground: ListingGround, on: date) -> Record:
        if ground.kinds == "o" or (ground.kinds == "po" and self.rng.randrange(100) >= self.office.persons):
            return self.population.organisation(self.rng, self.office.trades)
        if ground.born_since > 1980:
            return self.population.person(self.rng, on, "whole", ground.born_since)
        self.persons += 1
        masking = self.office.file.startswith("court") and self.persons % 4 == 0
        style = "masked" if masking else {2: "old", 5: "permit"}.get(self.persons % 9, "whole")
        return self.population.person(self.rng, on, style)

    def _term(self, sort: str, on: date) -> Record:
        """Severity and end: 较重 must state an end, others may (办法二 Art. 27)."""
        if sort == "red":
            return {"valid_until": years_after(on, 3).isoformat()} if self.rng.random() < 0.25 else {}
        if sort == "expired":
            ended = min(years_after(on, 2), date(2026, 9, 30)).isoformat()
            return {"severity": "severe", "valid_until": ended} if self.rng.random() < 0.4 else {"severity": "general"}
        if sort == "penalty":
            return {"severity": "general", "published_until": years_after(on, 1).isoformat()}
        severity = self.rng.choices(tuple(_SEVERITIES), tuple(_SEVERITIES.values()))[0]
        term: Record = {"severity": severity}
        if severity == "serious" or (severity == "severe" and self.rng.random() < 0.4):
            term["valid_until"] = years_after(on, self.rng.choice((2, 3)) if on.year == 2026 else 3).isoformat()
        if self.rng.random() < 0.3:
            term["published_until"] = years_after(on, 1).isoformat()
        return term

    def _responsible(self, sort: str, listed: Record) -> Record:
        """The persons responsible for an organisation, as the authority names them (办法二 Art. 26)."""
        subject = listed["subject"]
        if sort not in ("black", "expired") or subject["kind"] != "organisation" or self.rng.random() < 0.55:
            return {}
        first: Record = {"role": "legal_representative", "name": subject["legal_representative"]}
        if self.rng.random() < 0.6:
            first["id"] = self.population.person_number(self.rng)
        named = [first]
        if self.rng.random() < 0.35:
            role = self.rng.choice(("principal", "directly_responsible"))
            other = {
                "role": role,
                "name": self.population.name(self.rng),
                "id": self.population.person_number(self.rng),
            }
            named.append(other)
        return {"responsible_persons": named}

    def _class(self) -> Record:
        data_class = self.rng.choices(_CLASSES, (*self.office.shares, 100 - sum(self.office.shares)))[0]
        return {} if data_class == "authorised" and self.rng.random() < 0.5 else {"data_class": data_class}

    def _version(self, on: date) -> Record:
        if self.office.versions == "none":
            return {}
        return {"version": self._moment(on) if self.office.versions == "ms" else 1}

    def _moment(self, on: date) -> int:
        seconds = self.rng.randrange(9 * 3600, 17 * 3600)
        at = datetime(on.year, on.month, on.day, tzinfo=SHANGHAI) + timedelta(days=1, seconds=seconds)
        return to_milliseconds(at)

    def _filling(self, on: date) -> dict[str, Any]:
        acted = on - timedelta(days=self.rng.randrange(70, 400))
        court_code = self.rng.choice(tuple(_COURTS))
        case = f"（{acted.year}）苏{court_code}民初{self.rng.randrange(200, 6000)}号"
        return {
            "year": on.year,
            "acted": f"{acted.year}年{acted.month}月",
            "amount": f"{self.rng.randrange(60, 4800) / 10:.1f}",
            "small": self.rng.randrange(2, 190) * 500,
            "area": self.rng.randrange(120, 3600),
            "people": self.rng.randrange(12, 160),
            "few": self.rng.randrange(2, 6),
            "days": self.rng.choice((30, 60, 90)),
            "street": street(self.rng),
            "court_code": court_code,
            "city": _COURTS[court_code],
            "court": f"{_COURTS[court_code]}人民法院",
            "case": case,
        }

    def _next(self, sort: str, on: date) -> int:
        """The next number of a sort in its year, with gaps as offices leave them."""
        number = self.numbers.get((sort, on.year), 100 if sort == "record" else 0) + self.rng.randrange(1, 9)
        self.numbers[(sort, on.year)] = number
        return number

    def _recent(self) -> date:
        if self.rng.random() < 0.86:
            return _working_day(date(2026, 1, 5) + timedelta(days=self.rng.randrange(297)))
        return _working_day(date(2025, 3, 3) + timedelta(days=self.rng.randrange(300)))

    def _long_ago(self) -> date:
        return _working_day(date(2023, 12, 1) + timedelta(days=self.rng.randrange(620)))


def _removable(listed: Record) -> bool:
    """Whether this is a black list decision in force, and old enough to have been repaired by autumn 2026."""
    in_time = "2025-08-20" < str(listed["determined_on"]) < "2026-03-10"
    return in_time and (listed["list"], listed["determination"]) == ("black", "list_decision")


def _working_day(day: date) -> date:
    """The day, or the next that is neither at a weekend nor in the holidays of early October."""
    while day.weekday() > 4 or (day.month == 10 and day.day <= 8):
        day += timedelta(days=1)
    return day
