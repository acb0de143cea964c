"""The stream of events, by Server-Sent Events (WHATWG HTML, section 9.2). Nothing here does I/O."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from creditgate_client.answers import raise_fault
from creditgate_client.faults import AnswerUnreadable
from creditgate_client.time_budget import jittered, retry_after

_log = logging.getLogger("creditgate_client")

# A CR at the end of a chunk may be half of a CRLF, so its line is incomplete until the next byte. Not
# str.splitlines: it also splits at U+2028, which JSON may contain.
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
FIRST_PAUSE_S = 0.5
_MAX_PAUSE_S = 30.0


class Event(Struct, frozen=True, kw_only=True):
    """One event. Store ``id`` once the event is processed: it is the position to resume from."""

    id: str
    type: str
    timestamp: str | None
    data: Any


def event_from(text: bytes | str, event_id: str, event_type: str = "message") -> Event:
    """The event in a body ``{"type", "timestamp", "data"}``; a body of another form becomes ``data``."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = text if isinstance(text, str) else text.decode(errors="replace")
    if not isinstance(document, dict):
        return Event(id=event_id, type=event_type, timestamp=None, data=document)
    kind, timestamp = document.get("type"), document.get("timestamp")
    return Event(
        id=event_id,
        type=kind if isinstance(kind, str) else event_type,
        timestamp=timestamp if isinstance(timestamp, str) else None,
        data=document.get("data", document),
    )


class EventFeed:
    """The state of a reader of events across connections."""

    def __init__(self, last_event_id: str | None) -> None:
        self._last_event_id = last_event_id or ""
        self._first_pause = FIRST_PAUSE_S
        self._min_pause = 0.0
        self._drops = 0
        self._rest = b""
        self._start()

    def headers(self) -> dict[str, str]:
        """Request headers that resume after the last event that was yielded."""
        resume = {"Last-Event-ID": self._last_event_id} if self._last_event_id else {}
        return {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"} | resume

    def opened(self, response: httpx.Response) -> None:
        """Start reading a new connection. Raises the exceptions of ``faults`` if it is not a stream of events."""
        self._min_pause = retry_after(response)
        raise_fault(response)
        if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "text/event-stream":
            raise AnswerUnreadable("the response is not a stream of events: is this the address of a gateway?")
        self._start()

    def read(self, chunk: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        for line in lines:
            event = self._line(line.decode(errors="replace"))
            if event:
                self._drops = 0
                yield event

    def pause_after_drop(self, error: Exception | None) -> float:
        """Seconds to wait before connecting again. Reconnection has no limit, because the stream has no end."""
        pause = max(jittered(self._first_pause, self._drops, _MAX_PAUSE_S), self._min_pause)
        self._drops = min(self._drops + 1, 10)
        cause = "ended" if error is None else type(error).__name__
        _log.warning("events interrupted (%s), reconnecting in %.1f s", cause, pause)
        return pause

    def _start(self) -> None:
        self._rest = b""
        self._type = ""
        self._data: list[str] = []
        self._pending_id = self._last_event_id

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.removeprefix("\ufeff").partition(":")  # an empty name is a comment: a heartbeat
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._pending_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self._first_pause = min(int(value) / 1000, _MAX_PAUSE_S)
        return None

    def _dispatch(self) -> Event | None:
        self._last_event_id = self._pending_id
        text, kind = "\n".join(self._data), self._type or "message"
        self._data, self._type = [], ""
        return event_from(text, self._last_event_id, kind) if text else None
