"""Webhooks: signed as Standard Webhooks requires, delivered at least once, parked after a day, replayed by hand."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from rules.calendar import to_milliseconds
from store.platforms.outbox import EventDraft, EventType, append_events
from store.platforms.ssrf_guard import OpenInternetResolver, refusal
from store.platforms.webhooks import BACKOFF_MS, CLAIM_MS, WebhookStore
from streams.webhook_task import WebhookCaller
from tests.e2e.program import free_port
from tests.integration.feeding import CHAIN
from tests.unit.validator import KEYS


class Receiver:
    """A platform's endpoint on loopback, and a clock that the test sets."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.store = engine, WebhookStore(engine)
        self.now = datetime.now().astimezone()
        self.status = 200
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{free_port()}/hook"
        self.caller = WebhookCaller(self.store, KEYS, private_allowed=True, clock=lambda: self.now)

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append((dict(request.headers), await request.read()))
        headers = {"Location": "http://127.0.0.1:1/elsewhere"} if self.status == 302 else {}
        return web.Response(status=self.status, headers=headers)

    async def emit(self, client: str = "shop") -> None:
        """Store an event for the client."""
        telling = EventDraft(client, EventType.LOCK_LIFTED, {"lock": "lock_1", "target": "店铺-17"})
        async with self.engine.begin() as connection:
            await append_events(connection, CHAIN, [telling], self.milliseconds)

    @property
    def milliseconds(self) -> int:
        return to_milliseconds(self.now)

    async def call(self, **later: float) -> int:
        """Move the clock on and make the calls that are due."""
        self.now += timedelta(**later)
        async with self.caller.session() as session:
            return await self.caller.call_due(session)

    async def states(self) -> list[tuple[str, int, str | None]]:
        rows = await self.store.page("shop", None, 0, 50)
        return [(row.state, row.attempts, row.last_answer) for row in rows]


@pytest.fixture
async def receiver(engine: AsyncEngine) -> AsyncIterator[Receiver]:
    """A listening receiver that is the webhook of the client ``shop``."""
    made = Receiver(engine)
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(made.url.split(":")[2].split("/")[0])).start()
    await made.store.put("shop", made.url, made.milliseconds)
    yield made
    await runner.cleanup()


def verified(call: tuple[dict[str, str], bytes], generation: int) -> Any:  # noqa: ANN401
    """Verify a call with the Standard Webhooks library under the secret of that generation."""
    headers, body = call
    return Verifier(KEYS.webhook_secret("shop", generation)).verify(body, headers)


async def test_webhook_is_signed_and_sent_once(receiver: Receiver) -> None:
    """The Standard Webhooks library verifies it; a changed body fails; an accepted call is not repeated."""
    await receiver.emit()
    assert await receiver.call() == 1
    (call,) = receiver.taken
    document = verified(call, 1)
    assert document.keys() == {"type", "timestamp", "data"}
    assert (document["type"], document["data"]["target"]) == ("lock.lifted", "店铺-17")
    assert call[0]["webhook-id"].startswith("evt_")
    with pytest.raises(WebhookVerificationError):
        verified((call[0], call[1].replace(b"lock_1", b"lock_2")), 1)
    assert await receiver.call(days=2) == 0
    assert await receiver.states() == [("delivered", 1, "200")]


async def test_only_the_clients_own_webhook_is_called(receiver: Receiver) -> None:
    """Events of another client are not sent to this one."""
    await receiver.emit("somebody-else")
    assert await receiver.call() == 0
    assert receiver.taken == []


async def test_after_a_rotation_both_secrets_sign_for_a_day(receiver: Receiver) -> None:
    """Both secrets sign during the overlap; after it the old one is no longer valid."""
    await receiver.store.rotate("shop", receiver.milliseconds)
    await receiver.emit()
    await receiver.call()
    assert verified(receiver.taken[0], 1)
    assert verified(receiver.taken[0], 2)
    webhook = await receiver.store.find("shop")
    assert webhook is not None
    assert webhook.old_secret_until - receiver.milliseconds == 86_400_000
    signatures = receiver.taken[0][0]["webhook-signature"].split(" ")
    receiver.now += timedelta(days=1)
    await receiver.emit()
    await receiver.call()
    assert (len(signatures), len(receiver.taken[1][0]["webhook-signature"].split(" "))) == (2, 1)


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_failed_webhook_is_retried(receiver: Receiver, status: int) -> None:
    """Any answer but 2xx is a failure, a redirect too; the same ID is sent again later."""
    receiver.status = status
    await receiver.emit()
    assert await receiver.call() == 1
    assert await receiver.call(seconds=4) == 0
    receiver.status = 204
    assert await receiver.call(seconds=2) == 1
    first, second = (headers["webhook-id"] for headers, _ in receiver.taken)
    assert first == second
    assert await receiver.states() == [("delivered", 2, "204")]


async def test_webhook_parks_after_a_day_and_is_replayed(receiver: Receiver) -> None:
    """An undelivered event is parked with its last answer, listed, and sent again on request."""
    receiver.status = 503
    await receiver.emit()
    await receiver.call()
    for pause in BACKOFF_MS:
        assert await receiver.call(milliseconds=pause) == 1
    assert sum(BACKOFF_MS) > 23 * 3_600_000
    assert await receiver.states() == [("parked", len(BACKOFF_MS) + 1, "503")]
    assert await receiver.call(days=3) == 0
    (parked,) = await receiver.store.page("shop", "parked", 0, 10)
    assert not await receiver.store.replay("another", parked.event_id, receiver.milliseconds)
    assert await receiver.store.replay("shop", parked.event_id, receiver.milliseconds)
    receiver.status = 200
    assert await receiver.call() == 1
    assert (await receiver.states())[0][0] == "delivered"


async def test_absent_endpoint_is_retried(receiver: Receiver) -> None:
    """A failed connection is recorded like an answer."""
    await receiver.store.put("shop", "http://127.0.0.1:1/away", receiver.milliseconds)
    await receiver.emit()
    await receiver.call()
    assert (await receiver.states())[0][:2] == ("pending", 1)


async def test_webhook_in_delivery_is_not_sent_twice(receiver: Receiver) -> None:
    """Two workers make one call; when one dies during it, the other makes it after the lease."""
    await receiver.emit()
    assert len(await receiver.store.claim_due(receiver.milliseconds)) == 1
    assert await receiver.store.claim_due(receiver.milliseconds) == []
    assert len(await receiver.store.claim_due(receiver.milliseconds + CLAIM_MS)) == 1


async def test_no_webhook_queues_nothing(receiver: Receiver) -> None:
    """A client without a webhook gets no calls; its events stay in the stream."""
    await receiver.emit()
    assert await receiver.store.remove("shop")
    assert not await receiver.store.remove("shop")
    await receiver.emit()
    assert await receiver.call() == 0


async def test_webhook_secret_is_not_stored(receiver: Receiver) -> None:
    """The table holds the generation of the secret, never the secret, which is derived from the pepper."""
    async with receiver.engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM webhooks"))).mappings().one()
    assert set(row) == {"client", "url", "generation", "old_secret_until", "created_at"}


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "https://127.0.0.1/hook",
        "https://10.1.2.3/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[fd00::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://localhost/hook",
        "https://2130706433/hook",
        "https://0x7f000001/hook",
        "https://127.1/hook",
        "https://user:word@shop.example/hook",
        "https://shop.example/hook#part",
        "ftp://shop.example/hook",
        "https:///hook",
        "https://shop.example:99999/hook",
        "https://shop.example/a b",
        "",
    ],
)
def test_private_webhook_addresses_are_refused(url: str) -> None:
    """Plain http, private and link-local addresses in any spelling, passwords and invalid URLs are refused."""
    assert refusal(url, private_allowed=False)


def test_public_and_permitted_private_addresses_are_accepted() -> None:
    """https to a public host is always allowed; a private network only where the operator permits it."""
    assert refusal("https://shop.example/hook", private_allowed=False) is None
    assert refusal("http://10.1.2.3:8080/hook", private_allowed=True) is None


async def test_name_resolving_to_private_address_is_refused(receiver: Receiver) -> None:
    """A public name that resolves to a private address at the time of the call is not called."""
    with pytest.raises(OSError, match="open Internet"):
        await OpenInternetResolver().resolve("localhost", 80)
    strict = WebhookCaller(receiver.store, KEYS, private_allowed=False, clock=lambda: receiver.now)
    await receiver.emit()
    async with strict.session() as session:
        assert await strict.call_due(session) == 1
    assert receiver.taken == []
    assert (await receiver.states())[0][2] == "address_refused"
