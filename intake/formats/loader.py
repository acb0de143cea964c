"""Load the format files, ``config/formats/*.yaml``, and check each of them."""

from pathlib import Path

import msgspec

from config.files import ConfigError
from intake.formats.model import FEED_RECORD, Format
from intake.formats.validate import problems_of


def load_formats(folder: Path) -> dict[str, Format]:
    """The formats of that folder by name, and ``feed-record``. Raises ``ConfigError`` with file and place."""
    formats = {FEED_RECORD: Format(FEED_RECORD, "报送记录 v1", "Feed record v1")}
    for path in sorted(folder.glob("*.yaml")):
        found = _load(path)
        if found.name != path.stem:
            raise ConfigError(f"{path}: must be the name of the file without .yaml - at `$.name`")
        formats[found.name] = found
    return formats


def _load(path: Path) -> Format:
    try:
        found = msgspec.yaml.decode(path.read_bytes(), type=Format)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path}: {error}") from None
    if found.is_feed_record:
        raise ConfigError(f"{path}: a format file must say where each field comes from - at `$.record`")
    for problem in problems_of(found):
        raise ConfigError(f"{path}: {problem}")
    return found
