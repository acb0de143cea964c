"""What can go wrong. None of these carries the key, nor an identifier that was sent."""


class CreditGateError(Exception):
    """All that this client raises about an answer."""


class ProblemError(CreditGateError):
    """The gateway refused the request (4xx): the caller's to mend, and never a matter of ``on_failure``.

    ``code`` is stable (build on it), ``path`` says where in the request, such as ``$.subjects[0].id``.
    """

    def __init__(
        self, status: int, code: str, title: str = "", title_zh: str = "", detail: str = "", path: str | None = None
    ) -> None:
        super().__init__(" ".join(filter(None, [str(status), code, title, detail, path])))
        self.status = status
        self.code = code
        self.title = title
        self.title_zh = title_zh
        self.detail = detail
        self.path = path


class GatewayUnavailable(CreditGateError):
    """The gateway did not decide.

    ``code`` is its own (``register_unreachable``, …), ``http_502`` for an answer of something between, ``timeout`` or
    ``connection_failed``; ``status`` is None when there was no answer.
    """

    def __init__(self, code: str, status: int | None = None, title: str = "") -> None:
        super().__init__(" ".join(filter(None, [str(status or ""), code, title])))
        self.code = code
        self.status = status
        self.title = title


class AnswerUnreadable(CreditGateError):
    """What answered does not speak as CreditGate does: a wrong address, or an outcome newer than this client.

    It is raised whatever ``on_failure`` says: a wrong address must not become "allow" for every transaction.
    """


class WebhookInvalid(CreditGateError):
    """A delivery that must not be believed. ``code``: what is wrong with it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
