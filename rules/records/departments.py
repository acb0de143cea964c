"""The authorities (认定单位), and which categories each may determine: 谁主管、谁认定、谁负责 (办法一 Art. 3)."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from rules.records.feed_bounds import FeedBounds
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
    """The widest class its records may have (办法二 Art. 18); a record that states a wider one gets this one."""
    rhythm_days: Annotated[int, Meta(ge=1, le=366)] | None = None
    """It sends at least once in this many working days (更新周期, 办法二 Art. 8); None when it declared no rhythm."""
    bounds: FeedBounds = FeedBounds()
    """Over one of these its feed goes into quarantine."""
    change_topics: dict[str, str] = {}
    """Topics with change events of its own database, and the format of each (数据库对接, 办法二 Art. 16)."""


class Departments(Struct, frozen=True, forbid_unknown_fields=True):
    """The registered authorities by code."""

    departments: Annotated[dict[AuthorityCode, Department], Meta(min_length=1)]

    def find(self, code: str) -> Department | None:
        """The authority with that code; None when it is not registered."""
        return self.departments.get(code)


def departments_from(value: Any) -> Departments:  # noqa: ANN401 - whatever YAML holds
    """Departments from decoded YAML. Raises ``msgspec.ValidationError``, which says where."""
    return msgspec.convert(value, Departments)
