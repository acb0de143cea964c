"""``creditgate setup``: migrate the ledger and create the topics."""

import uvloop

from creditgate.cli.terminal import err, fail, settings_or_fail
from creditgate.embedded.provision import provision


def setup() -> None:
    """Prepare a deployment: migrate the ledger and create the topics; may be repeated. / 初始化档案与主题。"""
    settings = settings_or_fail()
    try:
        uvloop.run(provision(settings))
    except Exception as error:
        fail(f"setup: {type(error).__name__}: {error}")
    err.print("ledger migrated, topics created / 完成")
