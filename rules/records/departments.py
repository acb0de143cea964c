"""Which authority may determine what: 谁主管、谁认定、谁负责 (办法一 Art. 3)."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from rules.records.feed_bounds import Bounds
from rules.records.feed_record import AuthorityCode, Category
from rules.vocabulary import DataClass


class Department(Struct, frozen=True, forbid_unknown_fields=True):
    """One authority (认定单位 / 信息提供单位) as ``config/departments.yaml`` declares it."""

    name: str
    name_en: str
    categories: tuple[Category, ...]
    remedy: str
    remedy_en: str
    data_class: DataClass | None = None
    """The widest class its records may claim; a record that claims a wider one is narrowed to it."""
    rhythm_days: Annotated[int, Meta(ge=1, le=366)] | None = None
    """The authority sends at least every so many working days; None when it declared no rhythm."""
    bounds: Bounds = Bounds()
    """Beyond these its feed is held."""
    change_topics: dict[str, str] = {}
    """Topics with change events of its own database, and the format that reads each (办法二 Art. 16)."""


class Departments(Struct, frozen=True, forbid_unknown_fields=True):
    """The register of authorities."""

    departments: Annotated[dict[AuthorityCode, Department], Meta(min_length=1)]

    def find(self, code: str) -> Department | None:
        """The authority with that code, if it is registered."""
        return self.departments.get(code)


def departments_from(value: Any) -> Departments:  # noqa: ANN401 - whatever YAML holds
    """Typed departments from decoded YAML. Raises ``msgspec.ValidationError`` saying where."""
    return msgspec.convert(value, Departments)
