"""The topics on which departments' own databases tell their changes (数据库对接, 办法二 Art. 16)."""

from collections.abc import Mapping
from typing import NamedTuple

from config.files import ConfigError
from config.topics import ALL
from intake.formats.model import Format
from rules.records.departments import Departments


class ChangeSource(NamedTuple):
    """One topic: whose it is, and how its events are read."""

    topic: str
    authority: str
    format: Format


def change_sources(departments: Departments, formats: Mapping[str, Format]) -> list[ChangeSource]:
    """All topics that ``departments.yaml`` declares. Raises ``ConfigError`` saying where."""
    found: dict[str, ChangeSource] = {}
    for code, department in departments.departments.items():
        for topic, name in department.change_topics.items():
            place = f"at `$.departments.{code}.change_topics.{topic}`"
            if name not in formats or formats[name].envelope is None:
                raise ConfigError(f"departments: {name} is no format of change events - {place}")
            if topic in found or topic in ALL:
                raise ConfigError(f"departments: this topic has another use - {place}")
            found[topic] = ChangeSource(topic, code, formats[name])
    return list(found.values())
