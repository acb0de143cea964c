"""Webhooks: where a client is called, its secret, and what became of the calls."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from gateway.web.auth import Authenticator
from gateway.web.officer_reason import body_as
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import answer_json, cursor_to, page_size, place_in
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from rules.identity.subject import SubjectKeys
from store.platforms.ssrf_guard import refusal
from store.platforms.webhooks import Webhook, WebhookDelivery, WebhookStore

_STATES = ("pending", "delivered", "parked")


class WebhookRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to call."""

    url: Annotated[str, Meta(min_length=1, max_length=2048)]


@dataclass(frozen=True, slots=True)
class WebhookHandlers:
    """One webhook for each client. Its secret is shown when it is made, and never again."""

    access: Authenticator
    book: WebhookStore
    keys: SubjectKeys
    private_allowed: bool
    clock: Callable[[], datetime]

    async def put(self, request: web.Request) -> web.Response:
        """Set where the client is called; 201 with the secret when it is new."""
        client = await self.access.client_of(request)
        asked = body_as(WebhookRequest, await read_body(request))
        why = refusal(asked.url, private_allowed=self.private_allowed)
        if why is not None:
            raise ProblemError("webhook_url_refused", why, path="$.url")
        webhook, new = await self.book.put(client.id, asked.url, self._now())
        return answer_json(_document(webhook) | (self._secret(webhook) if new else {}), status=201 if new else 200)

    async def get(self, request: web.Request) -> web.Response:
        """Where the client is called."""
        client = await self.access.client_of(request)
        return answer_json(_document(_known(await self.book.find(client.id))))

    async def delete(self, request: web.Request) -> web.Response:
        """Call the client no more."""
        client = await self.access.client_of(request)
        if not await self.book.remove(client.id):
            raise ProblemError("webhook_unknown")
        return web.Response(status=204)

    async def rotate(self, request: web.Request) -> web.Response:
        """A new secret; the one before signs beside it for a day."""
        client = await self.access.client_of(request)
        webhook = _known(await self.book.rotate(client.id, self._now()))
        return answer_json(_document(webhook) | self._secret(webhook))

    async def get_deliveries(self, request: web.Request) -> web.Response:
        """A page of the calls, those of one state where it is named."""
        client = await self.access.client_of(request)
        state = request.query.get("state")
        if state is not None and state not in _STATES:
            raise ProblemError("request_invalid", f"state: one of {', '.join(_STATES)}", path="state")
        limit, place = page_size(request.query), place_in(request.query, int)
        rows = await self.book.page(client.id, state, place[0] if place else 0, limit)
        following = cursor_to(rows, limit, rows[-1].event_id) if rows else None
        return answer_json({"deliveries": [_delivery(row) for row in rows], "next": following})

    async def replay(self, request: web.Request) -> web.Response:
        """Call again for one event, whatever became of it."""
        client = await self.access.client_of(request)
        event = request.match_info["event"]
        known = event.isascii() and event.isdigit() and len(event) < 19
        if not known or not await self.book.replay(client.id, int(event), self._now()):
            raise ProblemError("delivery_unknown")
        return answer_json({"event": int(event), "state": "pending"}, status=202)

    def _secret(self, webhook: Webhook) -> dict[str, str]:
        secret = self.keys.webhook_secret(webhook.client, webhook.generation)
        return {"secret": "whsec_" + base64.b64encode(secret).decode()}

    def _now(self) -> int:
        return to_milliseconds(self.clock())


def _known(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise ProblemError("webhook_unknown")
    return webhook


def _document(webhook: Webhook) -> dict[str, Any]:
    until = webhook.old_secret_until
    return {
        "url": webhook.url,
        "created_at": rfc3339(from_milliseconds(webhook.created_at)),
        "old_secret_until": rfc3339(from_milliseconds(until)) if until else None,
    }


def _delivery(row: WebhookDelivery) -> dict[str, Any]:
    return {
        "event": row.event_id,
        "type": row.type,
        "created_at": rfc3339(from_milliseconds(row.created_at)),
        "state": row.state,
        "attempts": row.attempts,
        "next_at": rfc3339(from_milliseconds(row.next_at)) if row.state == "pending" else None,
        "last_answer": row.last_answer,
    }
