"""One exposition for all processes of a group.

With ``PROMETHEUS_MULTIPROC_DIR`` set (the supervisor sets it), every process writes its samples there
and any of them shows the sums; without it a process shows its own.
"""

import os

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


def exposition() -> bytes:
    """All samples in the Prometheus text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
