"""Upload the sample records through the same interface that departments use."""

import asyncio
from pathlib import Path

import config
from config.settings import Settings
from creditgate.embedded.data_dir import demo_key
from creditgate.embedded.supervisor import Announce, StartFailedError
from creditgate.feed_upload import UploadFailedError, UploadReport, upload
from intake.files.tables import kind_of
from intake.formats.loader import load_formats
from intake.formats.model import FEED_RECORD, Format
from intake.rows.pipeline import prepare

_SAMPLES = Path(config.__file__).parent / "samples"
_SAMPLE_SUFFIXES = (".json", ".ndjson", ".csv")
_FILE_DEADLINE_S = 60


async def seed_samples(url: str, settings: Settings, announce: Announce) -> bool:
    """Upload every sample file, once per data directory; True when it did. Raises ``StartFailedError``."""
    stamp = settings.data / "seeded"
    if stamp.exists():
        return False
    key = demo_key(settings, "feeder")
    total = UploadReport()
    feed_record = load_formats(settings.formats)[FEED_RECORD]
    for path in sorted(p for p in _SAMPLES.iterdir() if p.suffix in _SAMPLE_SUFFIXES):
        announce(f"uploading {path.name} / 报送样例")
        try:
            total.add(await asyncio.wait_for(_upload_sample(url, key, path, feed_record), _FILE_DEADLINE_S))
        except (UploadFailedError, TimeoutError) as error:
            raise StartFailedError(f"{path.name}: {error}") from None
    if total.rejected:
        raise StartFailedError(f"{total.rejected_count} sample records were rejected: {total.rejected[0]}")
    announce(f"{total.applied} sample records in force, {total.superseded} superseded / 样例已生效")
    stamp.touch()
    return True


async def _upload_sample(url: str, key: str, path: Path, feed_record: Format) -> UploadReport:
    """Upload one sample; the file is named by its authority."""
    with path.open("rb") as file:
        return await upload(url, key, path.stem, prepare(file, kind_of(path.name), feed_record, path.stem))
