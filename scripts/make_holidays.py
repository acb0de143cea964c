"""Write config/holidays, one file a year, from the package ``chinesecalendar``.

    python -m scripts.make_holidays [directory]

For a new year: upgrade the package, add the number of the State Council's notice below, run this, and compare the
result with the notice. A later notice may change the last days of the year before, as that of 2019 did.
"""

import sys
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar

HOLIDAYS = Path(__file__).resolve().parents[1] / "config" / "holidays"
NOTICES = {
    2018: ("国办发明电〔2017〕12号", "国办发明电〔2018〕15号（12月29日、31日）"),
    2019: ("国办发明电〔2018〕15号", "国办发明电〔2019〕3号（劳动节）"),
    2020: ("国办发明电〔2019〕16号", "国办发明电〔2020〕1号（延长春节假期）"),
    2021: ("国办发明电〔2020〕27号",),
    2022: ("国办发明电〔2021〕11号",),
    2023: ("国办发明电〔2022〕16号",),
    2024: ("国办发明电〔2023〕7号",),
    2025: ("国办发明电〔2024〕12号",),
    2026: ("国办发明电〔2025〕7号",),
}
"""By year: the number of the notice 《国务院办公厅关于…年部分节假日安排的通知》, then of notices that changed it."""


def holiday_file(year: int) -> str:
    """The file of one year: weekdays off, and working weekend days."""
    first = date(year, 1, 1)
    days = [first + timedelta(n) for n in range((date(year + 1, 1, 1) - first).days)]
    holidays = [day for day in days if day.weekday() < 5 and not chinese_calendar.is_workday(day)]
    make_up_days = [day for day in days if day.weekday() >= 5 and chinese_calendar.is_workday(day)]
    source = "；".join((f"国务院办公厅关于{year}年部分节假日安排的通知（{NOTICES[year][0]}）", *NOTICES[year][1:]))
    return "\n".join(
        (
            "# Written by scripts/make_holidays.py. Only days that the notice changes are named.",
            f"year: {year}",
            f"source: {source}",
            *("holidays:  # weekdays off 放假", *(f"  - {day}" for day in holidays)),
            *("make_up_days:  # weekend days worked 调休上班", *(f"  - {day}" for day in make_up_days), ""),
        )
    )


def main(directory: Path) -> None:
    """Write the file of every year in ``NOTICES``."""
    directory.mkdir(parents=True, exist_ok=True)
    for year in NOTICES:
        (directory / f"{year}.yaml").write_text(holiday_file(year), encoding="utf-8")
        print(directory / f"{year}.yaml")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HOLIDAYS)
