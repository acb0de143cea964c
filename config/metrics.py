"""Prometheus metrics of one process, or of all processes of a group.

With ``PROMETHEUS_MULTIPROC_DIR`` set, as ``creditgate up`` and ``serve --workers`` do, every process writes its samples
to that directory and each serves the sums. Without it a process serves its own samples.
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
