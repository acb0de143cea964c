"""The replica in the metrics of its process."""

import asyncio
from collections import Counter

from gateway.metrics import REPLICA_HEARD, REPLICA_LOADS, REPLICA_STATE
from store.replica.replica import Replica, ReplicaState

_PERIOD = 1.0


async def show_replica(replica: Replica) -> None:
    """Show state, age and loads for as long as the process runs."""
    shown: Counter[str] = Counter()
    while True:
        state = replica.state
        for known in ReplicaState:
            REPLICA_STATE.labels(known).set(int(known is state))
        if state is not ReplicaState.LOADING:
            REPLICA_HEARD.observe(replica.heard_ms / 1000)
        for cause, count in (replica.reloads - shown).items():
            REPLICA_LOADS.labels(cause).inc(count)
        shown = Counter(replica.reloads)
        await asyncio.sleep(_PERIOD)
