"""A client of CreditGate (信用闸门): check before a transaction, with an outcome for the case of no answer.

    CreditGate, AsyncCreditGate ─▶ calls (request, reader of its response) ─▶ HTTP
                                      ▲ questions: Check, Subject, Watch
    HTTP ─▶ answers ─▶ decision, locks, or one of faults
    GET /v1/events ─▶ events      webhooks: verify_webhook

``CreditGate`` is synchronous and ``AsyncCreditGate`` asynchronous; otherwise they are the same. ``README.md`` in this
folder shows their use. The package imports nothing else of this project: it needs only httpx and msgspec.
"""

from creditgate_client.async_client import AsyncCreditGate
from creditgate_client.client import CreditGate
from creditgate_client.decision import (
    AsOf,
    Decision,
    Listing,
    Measure,
    Message,
    Outcome,
    PolicyVersion,
    Remedy,
    RemedyPlace,
    SubjectDecided,
    Ticket,
    TicketVerdict,
    Unknown,
)
from creditgate_client.events import Event
from creditgate_client.faults import AnswerUnreadable, CreditGateError, GatewayUnavailable, ProblemError, WebhookInvalid
from creditgate_client.locks import Lock, LockChange
from creditgate_client.questions import Check, OnFailure, Subject, Watch
from creditgate_client.webhooks import verify_webhook

__all__ = [
    "AnswerUnreadable",
    "AsOf",
    "AsyncCreditGate",
    "Check",
    "CreditGate",
    "CreditGateError",
    "Decision",
    "Event",
    "GatewayUnavailable",
    "Listing",
    "Lock",
    "LockChange",
    "Measure",
    "Message",
    "OnFailure",
    "Outcome",
    "PolicyVersion",
    "ProblemError",
    "Remedy",
    "RemedyPlace",
    "Subject",
    "SubjectDecided",
    "Ticket",
    "TicketVerdict",
    "Unknown",
    "Watch",
    "WebhookInvalid",
    "verify_webhook",
]
