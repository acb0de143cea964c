"""Feed the samples through the door that any department uses."""

import asyncio
from pathlib import Path

import config
from config.settings import Settings
from creditgate.embedded.data_dir import demo_key
from creditgate.embedded.supervisor import Say, StartFailedError
from creditgate.feed_upload import Delivery, DeliveryFailedError, deliver
from intake.files.tables import kind_of
from intake.formats.loader import load_formats
from intake.formats.model import FEED_RECORD, Format
from intake.rows.pipeline import prepare

_SAMPLES = Path(config.__file__).parent / "samples"
_SUFFIXES = (".json", ".ndjson", ".csv")


async def seed_samples(url: str, settings: Settings, say: Say) -> bool:
    """Feed every sample file once per data directory; whether anything was fed. Raises ``StartFailedError``."""
    stamp = settings.data / "seeded"
    if stamp.exists():
        return False
    key = demo_key(settings, "feeder")
    total = Delivery()
    feed_record = load_formats(settings.formats)[FEED_RECORD]
    for path in sorted(p for p in _SAMPLES.iterdir() if p.suffix in _SUFFIXES):
        say(f"feeding {path.name} / 报送样例")
        try:
            total.add(await asyncio.wait_for(_seed(url, key, path, feed_record), 60))
        except (DeliveryFailedError, TimeoutError) as error:
            raise StartFailedError(f"{path.name}: {error}") from None
    if total.rejected:
        raise StartFailedError(f"{total.rejected_count} sample records were rejected: {total.rejected[0]}")
    say(f"{total.applied} sample records in force, {total.superseded} superseded / 样例已生效")
    stamp.touch()
    return True


async def _seed(url: str, key: str, path: Path, feed_record: Format) -> Delivery:
    with path.open("rb") as file:
        return await deliver(url, key, path.stem, prepare(file, kind_of(path.name), feed_record, path.stem))
