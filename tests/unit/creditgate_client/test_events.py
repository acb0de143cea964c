"""The client's event stream, which reconnects, and its verification of webhooks."""

import base64
import hashlib
import hmac
import json
from itertools import islice

import httpx
import pytest

import creditgate_client.events
from creditgate_client import (
    AnswerUnreadable,
    AsyncCreditGate,
    ProblemError,
    WebhookInvalid,
    verify_webhook,
)
from creditgate_client.events import EventFeed
from tests.unit.creditgate_client.client_samples import (
    AWAY,
    KEY,
    client_of,
)
from tests.unit.creditgate_client.fake_gateway import Answer, fake_gateway


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creditgate_client.events, "FIRST_PAUSE_S", 0.001)


# Events

STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


def event_text(number: int) -> bytes:
    body = {"type": "listing.added", "timestamp": "2026-11-23T12:00:00Z", "data": {"reference": f"r-{number}"}}
    return f"id: {number}\nevent: listing.added\ndata: {json.dumps(body)}\n\n".encode()


BROKEN = [
    Answer(body=b": hello\n\n" + event_text(1) + event_text(2) + b"id: 3\ndata: cut off", headers=STREAM),
    Answer(503, AWAY, {"Retry-After": "0"}),
    Answer(body=b": heartbeat\n\n" + event_text(3), headers=STREAM | {"Content-Length": "100000"}),
    Answer(body=event_text(4), headers=STREAM),
]


def test_event_stream_resumes_after_a_break() -> None:
    """After an end, a 5xx and a cut connection each event arrives once; Last-Event-ID is the last complete event."""
    with fake_gateway(*BROKEN) as gateway, client_of(gateway) as client:
        events = list(islice(client.events("0"), 4))
    assert [event.id for event in events] == ["1", "2", "3", "4"]
    assert events[0].type == "listing.added"
    assert (events[0].timestamp, events[0].data) == ("2026-11-23T12:00:00Z", {"reference": "r-1"})
    assert [asked.headers.get("last-event-id") for asked in gateway.asked] == ["0", "2", "2", "3"]
    assert gateway.asked[0].headers["accept"] == "text/event-stream"


def test_a_silent_stream_counts_as_dropped() -> None:
    """Without an event or a heartbeat for ``silence`` seconds the client reconnects."""
    silent = Answer(body=event_text(1), headers=STREAM, body_delay=1)
    with fake_gateway(silent, Answer(body=event_text(2), headers=STREAM)) as gateway, client_of(gateway) as client:
        assert next(client.events(silence=0.2)).id == "2"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(401, {"code": "key_unknown"}), ProblemError),
        (Answer(200, b"<html>", {"Content-Type": "text/html"}), AnswerUnreadable),
        (Answer(302, b"", {"Location": "/elsewhere"}), AnswerUnreadable),
    ],
)
def test_events_that_are_refused_or_none_are_raised(answer: Answer, fault: type[Exception]) -> None:
    """Responses that a new connection would not change are raised."""
    with fake_gateway(answer) as gateway, client_of(gateway) as client, pytest.raises(fault):
        next(client.events())


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_event_stream_is_read_in_any_chunks(size: int) -> None:
    """Handles all three line ends, several data lines, split characters, U+2028, ids that persist, and no data."""
    text = (
        "\ufeff: comment\r\n\r\nid: 7\r\nevent: note\r\ndata: 一\u2028二\r\ndata:  三\r\n\r\n"
        "data: 5\r\r"
        "id: 8\nevent: nothing\n\n"
        "unknown: x\ndata: null\nretry: 20\nid: a\0b\n\n"
        "data: never ended"
    ).encode()
    feed = EventFeed(None)
    events = [event for at in range(0, len(text), size) for event in feed.read(text[at : at + size])]
    assert [(event.id, event.type, event.data) for event in events] == [
        ("7", "note", "一\u2028二\n 三"),
        ("7", "message", 5),
        ("8", "message", None),
    ]
    assert feed.headers()["Last-Event-ID"] == "8"
    assert feed.pause_after_drop(None) <= 0.02


def test_reconnect_pauses_grow_and_reset() -> None:
    """Pauses grow while the gateway is away; after an event the next reconnect is quick again."""
    feed = EventFeed(None)
    list(feed.read(b"retry: 500\n"))
    pauses = [feed.pause_after_drop(OSError()) for _ in range(2000)]
    assert 0.25 <= pauses[0] <= 0.5
    assert all(15 <= pause <= 30 for pause in pauses[10:])
    list(feed.read(b"data: 1\n\n"))
    assert feed.pause_after_drop(None) <= 0.5


async def test_async_event_stream_resumes_after_a_break() -> None:
    """The async client behaves as the sync client."""
    with fake_gateway(*BROKEN) as gateway:
        async with AsyncCreditGate(gateway.url, KEY, transport=httpx.AsyncHTTPTransport()) as client:
            events, found = client.events("0"), list[str]()
            async for event in events:
                found.append(event.id)
                if len(found) == 4:
                    break
    assert found == ["1", "2", "3", "4"]
    assert [asked.headers.get("last-event-id") for asked in gateway.asked] == ["0", "2", "2", "3"]


# Webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED_AT = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(SIGNED_AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'


def test_published_webhook_example_verifies() -> None:
    """The published test vector of Standard Webhooks verifies; header names are case-insensitive."""
    headers = {name.title(): value for name, value in HEADERS.items()}
    event = verify_webhook(SECRET, headers, BODY, now=SIGNED_AT + 299)
    assert (event.id, event.data) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", {"test": 2432232314})


def test_one_right_signature_of_several_is_enough() -> None:
    """During a rotation a delivery has two signatures; unknown versions are ignored."""
    signatures = f"v1,AAAA v1a,{HEADERS['webhook-signature'][3:]} {HEADERS['webhook-signature']}"
    body = b'{"type":"listing.added","timestamp":"2026-11-23T12:00:00Z","data":{"reference":"r-1"}}'
    assert verify_webhook(SECRET, HEADERS | {"webhook-signature": signatures}, BODY, now=SIGNED_AT).data
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, b"msg_2.1614265330." + body, hashlib.sha256)
    headers = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(SIGNED_AT),
        "webhook-signature": f"v1,AAAA v1,{base64.b64encode(digest).decode()}",
    }
    event = verify_webhook(SECRET, headers, body, now=SIGNED_AT)
    assert (event.id, event.type, event.data) == ("msg_2", "listing.added", {"reference": "r-1"})


@pytest.mark.parametrize(
    ("changed", "body", "now", "code"),
    [
        ({}, BODY + b" ", SIGNED_AT, "signature_wrong"),
        ({"webhook-id": "msg_other"}, BODY, SIGNED_AT, "signature_wrong"),
        ({"webhook-id": "msg_\udcff"}, BODY, SIGNED_AT, "signature_wrong"),
        ({"webhook-timestamp": str(SIGNED_AT + 1)}, BODY, SIGNED_AT, "signature_wrong"),
        ({"webhook-signature": ""}, BODY, SIGNED_AT, "signature_wrong"),
        ({"webhook-signature": "v1,签名 v1,\udcff"}, BODY, SIGNED_AT, "signature_wrong"),
        ({"webhook-signature": HEADERS["webhook-signature"].replace("v1", "v2")}, BODY, SIGNED_AT, "signature_wrong"),
        ({}, BODY, SIGNED_AT + 301, "timestamp_old"),
        ({}, BODY, SIGNED_AT - 301, "timestamp_ahead"),
        ({"webhook-timestamp": "yesterday"}, BODY, SIGNED_AT, "timestamp_invalid"),
        ({"webhook-timestamp": "1_614265330"}, BODY, SIGNED_AT, "timestamp_invalid"),
        ({"webhook-timestamp": "9" * 5000}, BODY, SIGNED_AT, "timestamp_invalid"),
    ],
)
def test_altered_webhook_is_refused(changed: dict[str, str], body: bytes, now: float, code: str) -> None:
    """Body, id and time are signed; an old delivery is refused; every invalid input raises the same exception."""
    with pytest.raises(WebhookInvalid) as caught:
        verify_webhook(SECRET, HEADERS | changed, body, now=now)
    assert caught.value.code == code


@pytest.mark.parametrize("name", HEADERS)
def test_webhook_without_headers_is_refused(name: str) -> None:
    """Each of the three headers is required."""
    with pytest.raises(WebhookInvalid, match="header_missing"):
        verify_webhook(SECRET, {k: v for k, v in HEADERS.items() if k != name}, BODY, now=SIGNED_AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_密"])
def test_invalid_secret_is_a_configuration_error(secret: str) -> None:
    """An empty key would accept any signer's webhook; the message does not contain the secret."""
    with pytest.raises(ValueError, match="the secret must be"):
        verify_webhook(secret, HEADERS, BODY, now=SIGNED_AT)
