"""What can go wrong with the stream log, and which of it passes by waiting."""

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

_PASSING = (
    ConnectionError,  # also LOADING: the server reads its file
    TimeoutError,
    OSError,  # also the built-in TimeoutError
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_PASSING_CODES = ("BUSY ", "MISCONF ")
"""A script is running; the append-only file cannot be written. The client has no classes for these."""


class NotDurableError(CreditGateError, RuntimeError):
    """It is not known that the records are on disk. They may be in the log all the same."""


class UnknownTopicError(CreditGateError, LookupError):
    """Nobody declared the topic."""


def is_outage(error: BaseException) -> bool:
    """Whether the same call may work later. A wrong password, say, is no outage but a mistake."""
    if isinstance(error, AuthenticationError):  # a kind of ConnectionError
        return False
    return isinstance(error, _PASSING) or (isinstance(error, ResponseError) and str(error).startswith(_PASSING_CODES))
