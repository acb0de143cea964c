"""``creditgate serve``: run only gateways."""

from config.files import ConfigError
from creditgate.cli.processes.options import WorkersOption
from creditgate.cli.terminal import fail, settings_or_fail
from gateway.process.prefork import NoWorkerServesError, run_workers
from gateway.process.server import run_gateway


def serve(workers: WorkersOption = 1) -> None:
    """Run only the gateway. / 仅运行网关。"""
    settings = settings_or_fail()
    try:
        if workers > 1:
            run_workers(settings, workers)
        else:
            run_gateway(settings)
    except (ConfigError, ValueError, OSError) as error:
        fail(f"serve: {error}")
    except NoWorkerServesError as error:
        fail(f"serve: {error.__doc__} / 网关未能启动，原因见其日志。")
