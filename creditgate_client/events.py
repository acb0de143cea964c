"""Events as they happen, over Server-Sent Events (WHATWG HTML, section 9.2). Nothing here waits."""

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

# A CR at the very end may be half of a CRLF, so its line waits for the next byte. Not str.splitlines: that would
# also cut at U+2028, which may stand in JSON.
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE = 30.0


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened. Keep ``id`` once it is dealt with: it is where to go on."""

    id: str
    type: str
    timestamp: str | None
    data: Any


def event_from(text: bytes | str, event_id: str, event_type: str = "message") -> Event:
    """The event in a body ``{"type", "timestamp", "data"}``; what is not of that form is all ``data``."""
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
    """What a reader of events remembers from one connection to the next."""

    def __init__(self, last_event_id: str | None) -> None:
        self._last_event_id = last_event_id or ""
        self._first_pause = FIRST_PAUSE_S
        self._least_pause = 0.0
        self._drops = 0
        self._rest = b""
        self._start()

    def headers(self) -> dict[str, str]:
        """To go on after the last event that was given out."""
        resume = {"Last-Event-ID": self._last_event_id} if self._last_event_id else {}
        return {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"} | resume

    def opened(self, response: httpx.Response) -> None:
        """A new connection. Raises what the answer means if it is not a stream of events."""
        self._least_pause = retry_after(response)
        raise_fault(response)
        if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "text/event-stream":
            raise AnswerUnreadable("the answer is not a stream of events: is this the address of a gateway?")
        self._start()

    def read(self, chunk: bytes) -> Iterator[Event]:
        """The events that are complete with these bytes."""
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        for line in lines:
            event = self._line(line.decode(errors="replace"))
            if event:
                self._drops = 0
                yield event

    def pause_after_drop(self, error: Exception | None) -> float:
        """How long to wait before connecting again; there is no end to it, as a stream has none."""
        pause = max(jittered(self._first_pause, self._drops, _LONGEST_PAUSE), self._least_pause)
        self._drops = min(self._drops + 1, 10)
        cause = "ended" if error is None else type(error).__name__
        _log.warning("events interrupted (%s), connecting again in %.1f s", cause, pause)
        return pause

    def _start(self) -> None:
        self._rest = b""
        self._type = ""
        self._data: list[str] = []
        self._pending_id = self._last_event_id

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.removeprefix("\ufeff").partition(":")  # no name: a comment, which is a heartbeat
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._pending_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self._first_pause = min(int(value) / 1000, _LONGEST_PAUSE)
        return None

    def _dispatch(self) -> Event | None:
        self._last_event_id = self._pending_id
        text, kind = "\n".join(self._data), self._type or "message"
        self._data, self._type = [], ""
        return event_from(text, self._last_event_id, kind) if text else None
