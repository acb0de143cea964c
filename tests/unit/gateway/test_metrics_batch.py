"""Batched counts give the same metrics as single observations."""

from prometheus_client import REGISTRY

from gateway.metrics import CHECK_BUCKETS, check_seconds, count_outcome
from gateway.metrics_batch import MetricsBatch
from rules.vocabulary import Outcome

SECONDS = [0.0, CHECK_BUCKETS[0], CHECK_BUCKETS[0] * 1.01, 0.003, CHECK_BUCKETS[-1], 99.0, 0.003]


def shown(scene: str) -> dict[str, float]:
    found = {}
    for family in REGISTRY.collect():
        if family.name in ("creditgate_checks", "creditgate_check_duration_seconds"):
            for sample in family.samples:
                if sample.labels.get("scene") == scene and not sample.name.endswith("_created"):
                    found[f"{sample.name} {sample.labels.get('le')} {sample.labels.get('outcome')}"] = sample.value
    return found


def test_batched_metrics_equal_single_observations() -> None:
    """Sum, count and every bucket are equal, at the edges too; a second flush adds nothing."""
    metrics_batch = MetricsBatch()
    for seconds in SECONDS:
        metrics_batch.count("tally.all", Outcome.ALLOW, seconds)
        check_seconds("tally.each").observe(seconds)
        count_outcome("tally.each", Outcome.ALLOW)
    assert shown("tally.all") == {}
    metrics_batch.flush()
    metrics_batch.flush()
    assert shown("tally.all") == shown("tally.each")
    assert shown("tally.all")["creditgate_checks_total None allow"] == len(SECONDS)
