"""The exceptions of this client. None contains the key or an identifier that was sent."""


class CreditGateError(Exception):
    """Base of the exceptions that this client raises for a call."""


class ProblemError(CreditGateError):
    """The gateway refused the request (4xx). The caller must correct it; ``on_failure`` never applies.

    ``code`` is stable; ``path`` is the place in the request, such as ``$.subjects[0].id``.
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

    ``code`` is the gateway's (``register_unreachable``, …), ``http_502`` and the like for a response of a proxy,
    ``timeout`` or ``connection_failed``; ``status`` is None if there was no response.
    """

    def __init__(self, code: str, status: int | None = None, title: str = "") -> None:
        super().__init__(" ".join(filter(None, [str(status or ""), code, title])))
        self.code = code
        self.status = status
        self.title = title


class AnswerUnreadable(CreditGateError):
    """The response is not one of CreditGate: a wrong address, or an outcome that this client does not know.

    ``on_failure`` does not apply: a wrong address must not become "allow" for every transaction.
    """


class WebhookInvalid(CreditGateError):
    """A delivery that cannot be trusted; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
