"""Settings of the gateway: deadlines, limits, and the headers of ``GET /v1/authz``."""

from pydantic import Field
from pydantic_settings import BaseSettings


class GatewaySettings(BaseSettings):
    """Limits hold for each gateway process by itself."""

    look_up_deadline: float = Field(
        0.5, gt=0, le=30, description="Seconds a check waits for the register; after that it is indeterminate."
    )
    durable_deadline: float = Field(
        10.0, gt=0, le=120, description="Seconds a delivery waits for the broker to store it durably; then it is 503."
    )
    body_limit: int = Field(1024 * 1024, ge=1024, description="Maximum request body in bytes; a larger one is 413.")
    file_limit: int = Field(
        256 * 1024 * 1024,
        ge=1024,
        description="Maximum uploaded file in bytes; a larger one is 413. One file at a time is held in memory.",
    )
    rate_limit: float = Field(
        20_000,
        gt=0,
        description="Checks a second for each client and gateway process, unless the client has its own; more is 429.",
    )
    rate_burst: float = Field(
        40_000,
        ge=1,
        description="Checks a client may send in one burst; scaled for a client that has a rate of its own.",
    )
    max_in_hand: int = Field(
        512, ge=1, description="Checks in progress in one gateway process; one more is 503 `overloaded`."
    )
    max_feeds_in_hand: int = Field(
        128, ge=1, description="Deliveries in progress in one gateway process; one more is 503 `overloaded`."
    )
    max_connections: int = Field(
        10_000, ge=16, description="Open connections of one gateway process; one more is answered 503 and closed."
    )
    keep_alive: float = Field(
        75, gt=0, le=3600, description="Seconds a connection may be idle, or take to send the head of a request."
    )
    body_deadline: float = Field(
        30,
        gt=0,
        le=600,
        description="Seconds for a request body, for each part of a streamed one, and for a client to read a response.",
    )
    canary_seconds: float = Field(
        0,
        ge=0,
        le=3600,
        description="Seconds between canary records sent through the whole feed pipeline; 0 sends none. "
        "`creditgate up` uses 5.",
    )
    fast_lane: bool = Field(
        True, description="Whether plain checks bypass the web framework; the answers are the same."
    )
    drain_seconds: float = Field(
        0.5,
        ge=0,
        le=60,
        description="Seconds a stopping gateway reports `draining` and still accepts connections; set it above the "
        "load balancer's check interval.",
    )
    webhook_private: bool = Field(
        False,
        description="Whether webhooks may call private addresses and plain http. It removes the protection against "
        "requests into your own network (SSRF).",
    )
    authz_scene_header: str = Field("X-CreditGate-Scene", description="GET /v1/authz: header that names the scene.")
    authz_subject_header: str = Field(
        "X-CreditGate-Subject", description="GET /v1/authz: header with the subject's identifier."
    )
    authz_name_header: str = Field(
        "X-CreditGate-Name", description="GET /v1/authz: header with the subject's name, percent-encoded UTF-8."
    )
    authz_role_header: str = Field(
        "X-CreditGate-Role", description="GET /v1/authz: header with the subject's role; `applicant` without it."
    )
    authz_transaction_header: str = Field(
        "X-Request-Id", description="GET /v1/authz: header with the transaction's identifier."
    )
    authz_operator_header: str = Field(
        "X-CreditGate-Operator", description="GET /v1/authz: header that names the operator."
    )
    authz_purpose_header: str = Field(
        "X-CreditGate-Purpose", description="GET /v1/authz: header that states the purpose."
    )
