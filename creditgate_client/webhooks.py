"""Verify the signature of a webhook delivery, by Standard Webhooks 1.0.0 (symmetric)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from creditgate_client.events import Event, event_from
from creditgate_client.faults import WebhookInvalid

TOLERANCE_SECONDS = 300


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> Event:
    """The event of an authentic delivery; ``now`` is the Unix time in seconds, as of ``time.time()``.

    ``body`` is the raw body as received. A delivery may arrive more than once, with the same ``Event.id``.
    Raises ``WebhookInvalid``: ``header_missing``, ``timestamp_invalid``, ``timestamp_old``, ``timestamp_ahead``,
    ``signature_wrong``; and ``ValueError`` for an invalid secret.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        delivery, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError:
        raise WebhookInvalid("header_missing") from None
    _check_time(timestamp, now)
    signed = b".".join([delivery.encode(errors="surrogatepass"), timestamp.encode(), body])
    expected = base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256))
    if not any(_same(expected, signature) for signature in signatures.split(" ")):
        raise WebhookInvalid("signature_wrong")
    return event_from(body, delivery)


def _check_time(timestamp: str, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
        raise WebhookInvalid("timestamp_invalid")
    age = now - int(timestamp)
    if age > TOLERANCE_SECONDS:
        raise WebhookInvalid("timestamp_old")
    if age < -TOLERANCE_SECONDS:
        raise WebhookInvalid("timestamp_ahead")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the secret must be whsec_ and base64")  # without the secret
    return key


def _same(expected: bytes, signature: str) -> bool:
    version, _, value = signature.partition(",")
    return version == "v1" and hmac.compare_digest(expected, value.encode(errors="surrogatepass"))
