"""Errors of the stream log, and which of them are outages: the same call may succeed later."""

from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from rules.faults import CreditGateError

_OUTAGES = (
    ConnectionError,  # also LOADING: the server reads its append-only file
    TimeoutError,
    OSError,  # also the built-in TimeoutError
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_OUTAGE_CODES = ("BUSY ", "MISCONF ")
"""A script is running; the append-only file cannot be written. redis-py has no classes for these."""


class NotDurableError(CreditGateError, RuntimeError):
    """It is not known whether the records are on disk. They may be in the log all the same."""


class UnknownTopicError(CreditGateError, LookupError):
    """The topic was never declared."""


def is_outage(error: BaseException) -> bool:
    """Whether the same call may succeed later. A wrong password, say, is a mistake and no outage."""
    if isinstance(error, AuthenticationError):  # a kind of ConnectionError
        return False
    return isinstance(error, _OUTAGES) or (isinstance(error, ResponseError) and str(error).startswith(_OUTAGE_CODES))
