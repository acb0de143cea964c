"""The state of each authority's feed: quarantine, statistics, health."""
