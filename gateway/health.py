"""Health and metrics: /livez, /readyz (component by component), /metrics."""

import asyncio
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from config.metrics import exposition
from gateway.feeds.canary import Canary
from gateway.metrics import REGISTER_LISTINGS, REGISTER_LOADED, REGISTER_SEQUENCE
from gateway.metrics_batch import MetricsBatch
from gateway.policy_store import PolicyStore
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DrainState
from gateway.web.problems import ProblemError
from gateway.web.responses import json_response
from store.register.reader import RegisterUnavailableError
from store.replica.reader import ReplicaReader
from store.replica.replica import Replica, ReplicaState

_LEDGER_DEADLINE_S = 2.0


@dataclass(frozen=True, slots=True)
class HealthHandlers:
    """Health and metrics of one gateway process."""

    authenticator: Authenticator
    reader: ReplicaReader
    replica: Replica
    engine: AsyncEngine
    policy_store: PolicyStore
    metrics_batch: MetricsBatch
    canary: Canary
    drain_state: DrainState

    async def livez(self, _request: web.Request) -> web.Response:
        """200 while the event loop runs."""
        return json_response({"status": "alive"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """200 when checks can be decided; 503 with the failing components, or while this process drains."""
        policy = self.policy_store.current
        components = {
            "register": await self._register(),
            "replica": self.replica.state,
            "canary": self.canary.state,
            "ledger": await self._ledger(),
            "policy": f"{policy.pack.pack} {policy.pack.version} {policy.digest}",
            # A refused file does not make it unready: the policy before it stays in force.
            "policy_file": "refused" if self.policy_store.refused else "ready",
        }
        # With an empty register the gateway receives feeds, and its checks answer `indeterminate`.
        failing = [name for name in ("register", "ledger") if components[name] not in ("ready", "register_empty")]
        # A replica is waited for only until its first load: checks read the register itself while it is stale.
        failing += ["replica"] if self.replica.state is ReplicaState.LOADING and not failing else []
        status = "not_ready" if failing else "ready"
        status = "draining" if self.drain_state.draining else status
        document: dict[str, object] = {"status": status, "failing": failing, "components": components}
        return json_response(document, status=200 if status == "ready" else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus metrics, for clients with ``inspect``."""
        client = await self.authenticator.browser_client_of(request)
        if not client.grants.inspect:
            raise ProblemError("inspect_not_granted", "missing: inspect")
        await self._register()
        self.metrics_batch.flush()
        return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _register(self) -> str:
        try:
            state = await self.reader.state()
        except RegisterUnavailableError as error:
            REGISTER_LOADED.set(0)
            return error.code
        REGISTER_LOADED.set(1)
        REGISTER_LISTINGS.set(state.listings)
        REGISTER_SEQUENCE.set(state.sequence)
        return "ready"

    async def _ledger(self) -> str:
        try:
            async with asyncio.timeout(_LEDGER_DEADLINE_S), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1 FROM clients"))
        except (SQLAlchemyError, OSError, TimeoutError):
            return "ledger_unavailable"
        return "ready"
