"""/v1/webhook: the address to which a client's events are posted, its secret, and the deliveries."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from gateway.web.auth import Authenticator
from gateway.web.json_body import parse_json_as
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import cursor_position, json_response, next_cursor, page_size
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from rules.identity.subject import SubjectKeys
from store.platforms.ssrf_guard import refusal
from store.platforms.webhooks import Webhook, WebhookDelivery, WebhookStore

_STATES = ("pending", "delivered", "parked")


class WebhookRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The address to post events to."""

    url: Annotated[str, Meta(min_length=1, max_length=2048)]


@dataclass(frozen=True, slots=True)
class WebhookHandlers:
    """One webhook for each client. Its secret is shown only in the response that creates it."""

    authenticator: Authenticator
    webhook_store: WebhookStore
    subject_keys: SubjectKeys
    private_allowed: bool
    clock: Callable[[], datetime]

    async def put(self, request: web.Request) -> web.Response:
        """Set the client's address; 201 with the secret when the webhook is new."""
        client = await self.authenticator.client_of(request)
        form = parse_json_as(WebhookRequest, await read_body(request))
        reason = refusal(form.url, private_allowed=self.private_allowed)
        if reason is not None:
            raise ProblemError("webhook_url_refused", reason, path="$.url")
        webhook, new = await self.webhook_store.put(client.id, form.url, self._now())
        return json_response(_document(webhook) | (self._secret(webhook) if new else {}), status=201 if new else 200)

    async def get(self, request: web.Request) -> web.Response:
        """The client's webhook, without its secret."""
        client = await self.authenticator.client_of(request)
        return json_response(_document(_existing(await self.webhook_store.find(client.id))))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove the client's webhook."""
        client = await self.authenticator.client_of(request)
        if not await self.webhook_store.remove(client.id):
            raise ProblemError("webhook_unknown")
        return web.Response(status=204)

    async def rotate(self, request: web.Request) -> web.Response:
        """Create a new secret; for a day, deliveries are signed with the old one too."""
        client = await self.authenticator.client_of(request)
        webhook = _existing(await self.webhook_store.rotate(client.id, self._now()))
        return json_response(_document(webhook) | self._secret(webhook))

    async def get_deliveries(self, request: web.Request) -> web.Response:
        """A page of deliveries; ``state`` selects those of one state."""
        client = await self.authenticator.client_of(request)
        state = request.query.get("state")
        if state is not None and state not in _STATES:
            raise ProblemError("request_invalid", f"state: one of {', '.join(_STATES)}", path="state")
        limit, position = page_size(request.query), cursor_position(request.query, int)
        rows = await self.webhook_store.page(client.id, state, position[0] if position else 0, limit)
        following = next_cursor(rows, limit, rows[-1].event_id) if rows else None
        return json_response({"deliveries": [_delivery(row) for row in rows], "next": following})

    async def replay(self, request: web.Request) -> web.Response:
        """Deliver one event again, whatever its state is."""
        client = await self.authenticator.client_of(request)
        event = request.match_info["event"]
        known = event.isascii() and event.isdigit() and len(event) < 19
        if not known or not await self.webhook_store.replay(client.id, int(event), self._now()):
            raise ProblemError("delivery_unknown")
        return json_response({"event": int(event), "state": "pending"}, status=202)

    def _secret(self, webhook: Webhook) -> dict[str, str]:
        secret = self.subject_keys.webhook_secret(webhook.client, webhook.generation)
        return {"secret": "whsec_" + base64.b64encode(secret).decode()}

    def _now(self) -> int:
        return to_milliseconds(self.clock())


def _existing(webhook: Webhook | None) -> Webhook:
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
