"""A client of CreditGate (信用闸门): ask before the transaction, and say beforehand what holds if there is no answer.

``CreditGate`` waits, ``AsyncCreditGate`` awaits; apart from that they are the same. See ``README.md`` beside this file.
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
