"""Load the YAML files that operators edit. A file is valid as a whole or refused, with the place of the fault."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from rules.faults import CreditGateError
from rules.records.departments import Departments, departments_from
from rules.working_days import HolidayYear, WorkingDays


class ConfigError(CreditGateError, ValueError):
    """A configuration file is invalid. The message names the file and the place in it."""


def load_departments(path: Path) -> Departments:
    """The authorities in ``departments.yaml``. Raises ``ConfigError``."""
    try:
        return departments_from(read_yaml(path)[1])
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None


def load_working_days(folder: Path) -> WorkingDays:
    """The working days of all years in that folder, one file ``<year>.yaml`` each. Raises ``ConfigError``."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ConfigError(f"{folder}: holds no <year>.yaml")
    return WorkingDays(_holiday_year(path) for path in paths)


def _holiday_year(path: Path) -> HolidayYear:
    try:
        holidays = msgspec.convert(read_yaml(path)[1], HolidayYear)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None
    if path.stem != str(holidays.year):
        raise ConfigError(f"{path}: is for the year {holidays.year} - at `$.year`")
    return holidays


def read_yaml(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A file's bytes and the YAML mapping in it. Raises ``ConfigError``."""
    try:
        source = path.read_bytes()
        value = yaml.safe_load(source)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must contain a mapping")
    return source, value
