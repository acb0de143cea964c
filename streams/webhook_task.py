"""Deliver events to the webhooks of clients: signed by the Standard Webhooks convention, at least once."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from standardwebhooks.webhooks import Webhook as Signer

from rules.calendar import to_milliseconds
from rules.identity.subject import SubjectKeys
from store.platforms.ssrf_guard import OpenInternetResolver, refusal
from store.platforms.webhooks import WebhookCall, WebhookStore
from streams.metrics import WEBHOOK_CALLS
from streams.retry import retry_outages

_CALL_TIMEOUT = ClientTimeout(total=10, connect=5)
_MAX_CONCURRENT_CALLS = 10
_SUCCESS_STATUSES = range(200, 300)
_log = structlog.get_logger("streams.webhooks")


@dataclass(frozen=True, slots=True)
class WebhookCaller:
    """Makes the calls that are due. ``clock`` gives the time with its zone."""

    store: WebhookStore
    keys: SubjectKeys
    private_allowed: bool
    clock: Callable[[], datetime]

    async def run(self, interval_s: float = 1.0) -> None:
        """Make calls for as long as the worker runs; pause when none is due."""
        async with self.session() as session:
            while True:
                if not await retry_outages("ledger", self.call_due, session):
                    await asyncio.sleep(interval_s)

    def session(self) -> ClientSession:
        """A session that connects to public addresses only, unless private ones are allowed."""
        resolver = None if self.private_allowed else OpenInternetResolver()
        connector = TCPConnector(limit=_MAX_CONCURRENT_CALLS, resolver=resolver)
        return ClientSession(timeout=_CALL_TIMEOUT, connector=connector, headers={"User-Agent": "CreditGate"})

    async def call_due(self, session: ClientSession) -> int:
        """Make the calls that are due now; returns how many."""
        calls = await self.store.claim_due(to_milliseconds(self.clock()))
        concurrency_limit = asyncio.Semaphore(_MAX_CONCURRENT_CALLS)

        async def make(call: WebhookCall) -> None:
            async with concurrency_limit:
                await self._make(session, call)

        await asyncio.gather(*(make(call) for call in calls))
        return len(calls)

    async def _make(self, session: ClientSession, call: WebhookCall) -> None:
        delivered, answer = await self._post(session, call)
        now = to_milliseconds(self.clock())
        if delivered:
            await self.store.delivered(call, answer, now)
            WEBHOOK_CALLS.labels("delivered").inc()
            return
        parked = await self.store.failed(call, answer, now)
        WEBHOOK_CALLS.labels("parked" if parked else "failed").inc()
        _log.warning("webhook_failed", client=call.webhook.client, event_id=call.event.id, answer=answer, parked=parked)

    async def _post(self, session: ClientSession, call: WebhookCall) -> tuple[bool, str]:
        """Whether the client accepted the event, and its status or an error. A redirect is not followed: a failure."""
        if refusal(call.webhook.url, private_allowed=self.private_allowed) is not None:
            return False, "address_refused"
        body = call.event.body()
        headers = {"Content-Type": "application/json"} | self._signature_headers(call, body)
        try:
            async with session.post(call.webhook.url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status in _SUCCESS_STATUSES, str(response.status)
        except TimeoutError:
            return False, "timeout"
        except (ClientError, OSError) as error:
            return False, type(error).__name__

    def _signature_headers(self, call: WebhookCall, body: bytes) -> dict[str, str]:
        """Signatures under the client's secret and, for a day after a rotation, under the previous one."""
        webhook, sent_at = call.webhook, self.clock().astimezone(UTC)
        secret_generations = [webhook.generation]
        if to_milliseconds(sent_at) < webhook.old_secret_until:
            secret_generations.append(webhook.generation - 1)
        message_id = f"evt_{call.event.id}"
        signatures = [
            Signer(base64.b64encode(self.keys.webhook_secret(webhook.client, number)).decode()).sign(
                message_id, sent_at, body.decode()
            )
            for number in secret_generations
        ]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
