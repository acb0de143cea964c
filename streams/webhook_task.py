"""Call clients about what they are to be told: signed by the Standard Webhooks convention, at least once."""

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
from streams.retry import until_done

_TIMEOUT = ClientTimeout(total=10, connect=5)
_AT_ONCE = 10
_TAKEN = range(200, 300)
_log = structlog.get_logger("streams.webhooks")


@dataclass(frozen=True, slots=True)
class WebhookCaller:
    """Makes the calls that are due. ``clock`` gives the moment, with its zone."""

    book: WebhookStore
    keys: SubjectKeys
    private_allowed: bool
    clock: Callable[[], datetime]

    async def keep_calling(self, period: float = 1.0) -> None:
        """Call for as long as the worker runs. ``period`` is in seconds."""
        async with self.session() as session:
            while True:
                if not await until_done(lambda: self.call_due(session), "ledger"):
                    await asyncio.sleep(period)

    def session(self) -> ClientSession:
        """A session that reaches what may be reached, and keeps no cookies for anybody."""
        resolver = None if self.private_allowed else OpenInternetResolver()
        connector = TCPConnector(limit=_AT_ONCE, resolver=resolver)
        return ClientSession(timeout=_TIMEOUT, connector=connector, headers={"User-Agent": "CreditGate"})

    async def call_due(self, session: ClientSession) -> int:
        """Make the calls that are due now; how many there were."""
        calls = await self.book.claim_due(to_milliseconds(self.clock()))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(call: WebhookCall) -> None:
            async with gate:
                await self._make(session, call)

        await asyncio.gather(*(one(call) for call in calls))
        return len(calls)

    async def _make(self, session: ClientSession, call: WebhookCall) -> None:
        taken, answer = await self._post(session, call)
        now = to_milliseconds(self.clock())
        if taken:
            await self.book.delivered(call, answer, now)
            WEBHOOK_CALLS.labels("delivered").inc()
            return
        parked = await self.book.failed(call, answer, now)
        WEBHOOK_CALLS.labels("parked" if parked else "failed").inc()
        _log.warning("webhook_failed", client=call.webhook.client, event_id=call.event.id, answer=answer, parked=parked)

    async def _post(self, session: ClientSession, call: WebhookCall) -> tuple[bool, str]:
        """Whether the client took it, and what it said. A redirect is no taking: who signs names the place."""
        why = refusal(call.webhook.url, private_allowed=self.private_allowed)
        if why is not None:
            return False, "address_refused"
        body = call.event.body()
        headers = {"Content-Type": "application/json"} | self._signed(call, body)
        try:
            async with session.post(call.webhook.url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status in _TAKEN, str(response.status)
        except TimeoutError:
            return False, "timeout"
        except (ClientError, OSError) as error:
            return False, type(error).__name__

    def _signed(self, call: WebhookCall, body: bytes) -> dict[str, str]:
        """Signed under the client's secret, and for a day after a rotation under the one before it as well."""
        webhook, moment = call.webhook, self.clock().astimezone(UTC)
        generations = [webhook.generation]
        if to_milliseconds(moment) < webhook.old_secret_until:
            generations.append(webhook.generation - 1)
        name = f"evt_{call.event.id}"
        signatures = [
            Signer(base64.b64encode(self.keys.webhook_secret(webhook.client, number)).decode()).sign(
                name, moment, body.decode()
            )
            for number in generations
        ]
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
