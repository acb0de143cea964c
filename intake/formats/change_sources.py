"""The topics that carry change events of departments' own databases (数据库对接, 办法二 Art. 16)."""

from collections.abc import Mapping
from typing import NamedTuple

from config.files import ConfigError
from config.topics import ALL as OWN_TOPICS
from intake.formats.model import Format
from rules.records.departments import Departments


class ChangeSource(NamedTuple):
    """One topic: the authority that owns it, and the format of its events."""

    topic: str
    authority: str
    format: Format


def change_sources(departments: Departments, formats: Mapping[str, Format]) -> list[ChangeSource]:
    """All topics that ``departments.yaml`` declares. Raises ``ConfigError`` with the place in that file."""
    found: dict[str, ChangeSource] = {}
    for code, department in departments.departments.items():
        for topic, name in department.change_topics.items():
            place = f"at `$.departments.{code}.change_topics.{topic}`"
            if name not in formats or formats[name].envelope is None:
                raise ConfigError(f"departments: {name} is not a format of change events - {place}")
            if topic in found or topic in OWN_TOPICS:
                raise ConfigError(f"departments: this topic is already in use - {place}")
            found[topic] = ChangeSource(topic, code, formats[name])
    return list(found.values())
