"""``creditgate worker``: run only a Faust worker."""

from config.files import ConfigError
from creditgate.cli.terminal import fail, settings_or_fail
from streams.worker import run_worker


def worker() -> None:
    """Run only a Faust worker. / 仅运行流处理。"""
    settings = settings_or_fail()
    try:
        run_worker(settings)
    except (ConfigError, ValueError) as error:
        fail(f"worker: {error}")
