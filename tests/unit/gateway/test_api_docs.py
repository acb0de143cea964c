"""The API description matches the gateway, and its page loads nothing from other hosts."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import gateway.api_docs
from config.files import load_departments
from config.policy_file import load_policy
from config.settings import Settings
from gateway.api_docs import openapi_document
from gateway.app import build_app
from gateway.checks.batch import BatchRequest
from gateway.checks.request import CheckRequest, SubjectRequest, check_from, check_request_from
from gateway.checks.response import DecisionContext, decision_body
from gateway.feeds.delivery import validate_delivery
from gateway.platform.decisions import FeedbackRequest
from gateway.platform.watches import WatchesRequest, WatchRequest
from gateway.platform.webhooks import WebhookRequest
from gateway.tickets.handler import VerifyRequest
from gateway.web.officer_reason import ReasonRequest, ReleaseRequest
from gateway.web.problem_codes import PROBLEMS
from gateway.web.problems import ProblemError, serialise
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.faults import RECORD_FAULTS
from rules.identity.faults import IDENTIFIER_FAULTS
from rules.identity.subject import SubjectKeys
from rules.listings.life import State
from rules.policy.decision import decide
from rules.policy.matching import Match
from rules.policy.unknown import FEED_CAUSES, REGISTER_CAUSES, Unknown
from rules.vocabulary import DataClass, LockScope, Outcome, Role
from store.ledger.feed_event_rows import RecordOutcome
from store.ledger.lock_states import LockState
from store.locks.rows import Lock
from store.platforms.clients import Client, Grants
from store.platforms.outbox import EventType
from store.register.reader import CAUSES, RegisterState
from tests.unit.records import record
from tests.unit.validator import filed

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
SETTINGS = Settings.model_validate({"pepper": "0123456789abcdef"})
POLICY, DEPARTMENTS = load_policy(SETTINGS.policy), load_departments(SETTINGS.departments)
VALIDATOR = RecordValidator(DEPARTMENTS, SubjectKeys(SETTINGS.pepper_bytes()))
CLIENT = Client("demo", Grants(scenes=frozenset({"*"}), classes=frozenset(DataClass)), 0)

DOCUMENT: dict[str, Any] = orjson.loads(openapi_document())
SCHEMAS = DOCUMENT["components"]["schemas"]
STATIC = Path(gateway.api_docs.__file__).parent / "static"
_REGISTRY: Registry[Any] = Registry().with_resource("urn:openapi", DRAFT202012.create_resource(DOCUMENT))


def faults(value: object, schema: dict[str, Any]) -> list[str]:
    """Why a value is not valid under that schema of the document."""
    absolute = orjson.loads(orjson.dumps(schema).replace(b'"#/', b'"urn:openapi#/'))
    validator = Draft202012Validator(absolute, registry=_REGISTRY, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in sorted(item.keys() - {"parameters"}):
            yield f"{method.upper()} {path}", item[method]


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every example of a request or a response, with its place and its schema."""
    for operation, body in operations():
        parts = [("request", body.get("requestBody", {})), *body["responses"].items()]
        for place, part in parts:
            for media_type, content in resolved(part).get("content", {}).items():
                shown = {name: resolved(example)["value"] for name, example in content.get("examples", {}).items()}
                shown |= {"example": content["example"]} if "example" in content else {}
                for name, value in shown.items():
                    yield f"{operation} {place} {media_type} {name}", content["schema"], value


def requests(operation: str) -> list[tuple[str, Any]]:
    """The example bodies of an operation with their media types."""
    found = [(where.split(" "), value) for where, _, value in examples() if where.startswith(f"{operation} request")]
    assert found
    return [(words[3], value) for words, value in found]


def told_as(code: str) -> dict[str, Any]:
    """The members of a problem that its code determines."""
    status, (title, title_zh) = PROBLEMS[code]
    return {
        "type": f"urn:creditgate:problem:{code}",
        "title": title,
        "title_zh": title_zh,
        "status": status,
        "code": code,
    }


def enum(name: str) -> set[str]:
    return set(SCHEMAS[name]["enum"])


# ---------------------------------------------------------------- the document


def test_it_is_valid_openapi_3_1() -> None:
    """The served document is valid OpenAPI 3.1 and contains the feed record's classes."""
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []
    assert {"FeedRecord", "ListRecord", "IdType"} <= SCHEMAS.keys()


async def test_its_operations_are_the_routes() -> None:
    """Every route is described, and every described operation is a route."""
    app = build_app(SETTINGS, lambda: NOON)
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"  # aiohttp adds HEAD to each GET
    }
    assert {operation for operation, _ in operations()} == routes


def test_each_line_for_people_is_in_both_languages() -> None:
    """Every summary and every tag is in English and Chinese."""
    lines = [body["summary"] for _, body in operations()] + [tag["description"] for tag in DOCUMENT["tags"]]
    assert [line for line in lines if not re.fullmatch(r"[ -~]+ / .*[\u4e00-\u9fff].*", line)] == []


def test_every_problem_code_is_in_the_enumeration() -> None:
    """The enumeration of codes equals ``PROBLEMS``."""
    assert SCHEMAS["Problem"]["properties"]["code"]["enum"] == list(PROBLEMS)


def test_problems_are_documented_with_their_status() -> None:
    """A response names only codes of its status and has an example of each; each code is documented somewhere."""
    told: set[str] = set()
    for operation, body in operations():
        for status, answered in body["responses"].items():
            part = resolved(answered)
            if "application/problem+json" not in part.get("content", {}):
                continue
            codes = set(re.findall(r"`([a-z_]+)`", part["description"])) & PROBLEMS.keys()
            assert codes, f"{operation} {status} names no code"
            assert {PROBLEMS[code].status for code in codes} == {int(status)}, f"{operation} {status}"
            shown = part["content"]["application/problem+json"]["examples"]
            assert shown.keys() == codes, f"{operation} {status} shows each of its codes"
            for code in codes:
                assert told_as(code).items() <= resolved(shown[code])["value"].items()
            told |= codes
    assert PROBLEMS.keys() - told == {"method_not_allowed"}, "this one is told once for all, in the introduction"


def test_basic_is_for_pages_only() -> None:
    """Only pages, metrics and schemas offer the browser's login; only the health probes need no key."""
    schemes = {
        name: {s for need in body.get("security", DOCUMENT["security"]) for s in need} for name, body in operations()
    }
    pages = {"/docs", "/docs/{file}", "/openapi.json", "/metrics", "/v1/schemas/{schema}"}
    assert {name for name, allowed in schemes.items() if "basic" in allowed} == {f"GET {page}" for page in pages}
    assert {name for name, allowed in schemes.items() if not allowed} == {"GET /livez", "GET /readyz"}


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        (enum("Outcome"), set(Outcome)),
        (enum("Role"), set(Role)),
        (enum("LockScope"), set(LockScope)),
        (enum("LockState"), set(LockState)),
        (enum("EventType"), set(EventType)),
        (DOCUMENT["webhooks"].keys(), set(EventType)),
        (enum("ListingCause"), {*State, "struck", "corrected"} - {State.IN_FORCE}),
        (enum("UnknownCause"), {*REGISTER_CAUSES, *FEED_CAUSES}),
        (set(SCHEMAS["Scene"]["examples"]), POLICY.pack.scenes.keys()),
        (enum("IdentifierFaultCode"), IDENTIFIER_FAULTS.keys()),
        (set(SCHEMAS["RecordFaultCode"]["anyOf"][1]["enum"]), {*RECORD_FAULTS, "data_prohibited"}),
        (set(SCHEMAS["RecordResult"]["properties"]["status"]["enum"]), {"queued", *RecordOutcome}),
        (set(SCHEMAS["Readiness"]["properties"]["components"]["properties"]["register"]["enum"]), {"ready", *CAUSES}),
        (SCHEMAS["CheckRequest"]["properties"].keys(), set(CheckRequest.__struct_fields__)),
        (SCHEMAS["SubjectRequest"]["properties"].keys(), set(SubjectRequest.__struct_fields__)),
        (SCHEMAS["BatchRequest"]["properties"].keys(), set(BatchRequest.__struct_fields__)),
        (SCHEMAS["VerifyRequest"]["properties"].keys(), set(VerifyRequest.__struct_fields__)),
        (SCHEMAS["FeedbackRequest"]["properties"].keys(), set(FeedbackRequest.__struct_fields__)),
        (SCHEMAS["WatchesRequest"]["properties"].keys(), set(WatchesRequest.__struct_fields__)),
        (SCHEMAS["WatchRequest"]["properties"].keys(), set(WatchRequest.__struct_fields__)),
        (SCHEMAS["WebhookRequest"]["properties"].keys(), set(WebhookRequest.__struct_fields__)),
        (SCHEMAS["ReasonRequest"]["properties"].keys(), set(ReasonRequest.__struct_fields__)),
        (SCHEMAS["ReleaseRequest"]["properties"].keys(), set(ReleaseRequest.__struct_fields__)),
    ],
)
def test_enumerations_match_the_code(shown: set[str], meant: set[str]) -> None:
    """Enumerations and members of requests equal those of the code."""
    assert shown == meant


# ---------------------------------------------------------------- its examples


@pytest.mark.parametrize(("schema", "value"), [pytest.param(s, v, id=where) for where, s, v in examples()])
def test_each_example_is_of_its_schema(schema: dict[str, Any], value: object) -> None:
    """Every example of a request or response is valid under its schema."""
    assert faults(value, schema) == []


@pytest.mark.parametrize(("_media_type", "value"), requests("POST /v1/checks"))
def test_example_checks_are_accepted(_media_type: str, value: object) -> None:
    """The gateway accepts each example of a check."""
    check = check_from(check_request_from(orjson.dumps(value)), CLIENT, POLICY, TODAY)
    assert all(party.number for party in check.parties)


@pytest.mark.parametrize(("media_type", "value"), requests("POST /v1/feeds/{authority}/records"))
def test_example_deliveries_are_accepted(media_type: str, value: object) -> None:
    """The validator accepts every record, and each line of NDJSON is valid under the record's schema."""
    body = value.encode() if isinstance(value, str) else orjson.dumps(value)
    judged = validate_delivery(body, media_type, "court", VALIDATOR, today=TODAY, now=1)
    assert [item.verdict for item in judged if not isinstance(item.verdict, FeedEvent)] == []
    if isinstance(value, str):
        assert [faults(orjson.loads(line), named("FeedRecord")) for line in value.splitlines()] == [[]] * len(judged)


@pytest.mark.parametrize(
    "bent",
    [
        {"scene": ""},
        {"subjects": []},
        {"subjects": [{"role": "bidder"}]},
        {"subjects": [{"role": "judge", "name": "x"}]},
        {"subjects": [{"role": "bidder", "id": "91320800MA1TE5T0XK", "id_type": "passport"}]},
        {"subjects": [{"role": "bidder", "name": "x", "age": 3}]},
        {"account_id": ""},
        {"surprise": 1},
    ],
)
def test_what_the_schema_refuses_the_gateway_refuses(bent: dict[str, Any]) -> None:
    """What the schema of a check refuses, the gateway refuses with 422."""
    value = requests("POST /v1/checks")[0][1] | bent
    assert faults(value, named("CheckRequest"))
    with pytest.raises(ProblemError) as caught:
        check_from(check_request_from(orjson.dumps(value)), CLIENT, POLICY, TODAY)
    assert PROBLEMS[caught.value.code].status == 422


# ---------------------------------------------------------------- its answers


def test_a_decision_has_the_described_form() -> None:
    """A decision on a listed bidder and on a bare name is valid under Decision, and every member is described."""
    asked = requests("POST /v1/checks")[0][1]
    asked = asked | {"subjects": [*asked["subjects"], {"role": "agent", "name": "沈知微"}]}
    check = check_from(check_request_from(orjson.dumps(asked)), CLIENT, POLICY, TODAY)
    listing = filed(record())[0].listing
    matches = [[Match(listing, certain=True)], []]
    judged = [(party.profile, found) for party, found in zip(check.parties, matches, strict=True)]
    verdict = decide(POLICY, check.transaction, judged, TODAY)
    decision, lock_id = f"dec_{'0' * 32}", f"lock_{'0' * 32}"
    lock = Lock(lock_id, "demo", "account", "bidder-17", "key", check.scene, decision, 1, "held", 3, 2)
    unknown = [Unknown("feed_held", "court", "snapshot_empty")]
    state = RegisterState("epoch", 3, 2, 4, 5)
    ticket = {"token": "a.b", "expires_at": "2026-11-23T12:00:00.000+08:00"}
    found = DecisionContext(decision, check, verdict, verdict.outcome, [lock], unknown, state, NOON, NOON, ticket)
    shown = orjson.loads(decision_body(found, POLICY, DEPARTMENTS))
    assert shown["outcome"] == "intercept"
    assert shown["subjects"][1]["notes"]
    assert shown["remedy"]
    assert faults(shown, named("Decision")) == []
    described = SCHEMAS["Decision"]["properties"].keys()
    assert shown.keys() == described, "no member without a description"


def test_results_of_a_delivery_have_the_described_form() -> None:
    """Results of queued and rejected records are valid under RecordResult."""
    lines = [orjson.dumps(record()), b"{broken", orjson.dumps(record(subject={"id": "91320800MA1TE5T0XA"})), b"[]"]
    judged = validate_delivery(b"\n".join(lines), "application/x-ndjson", "court", VALIDATOR, today=TODAY, now=1)
    results = [item.result() for item in judged]
    assert [result["status"] for result in results] == ["queued", *["rejected"] * 3]
    for result in results:
        assert faults(orjson.loads(orjson.dumps(result)), named("RecordResult")) == []
        assert result.keys() <= SCHEMAS["RecordResult"]["properties"].keys()


@pytest.mark.parametrize("code", PROBLEMS)
def test_each_problem_has_the_described_form(code: str) -> None:
    """Every error response is a Problem, with the headers of its status."""
    response = serialise(ProblemError(code, "detail", "说明", path="$")).response()
    assert isinstance(response.body, bytes)
    assert faults(orjson.loads(response.body), named("Problem")) == []
    assert ("WWW-Authenticate" in response.headers) is (response.status == 401)
    assert ("Retry-After" in response.headers) is (response.status in (429, 503))


# ---------------------------------------------------------------- its page


class Page(HTMLParser):
    """The resources and links of a page, and its inline scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.root: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("src") or given.get("href") or ""
        if tag == "html":
            self.root = given
        if tag == "script" and "src" not in given:
            self.inline.append(tag)
        self.inline += [name for name in given if name.startswith("on")]
        if address:
            (self.links if tag == "a" else self.loads).append(address)


PAGE = Page((STATIC / "docs.html").read_text())


@pytest.mark.parametrize("name", ["docs.html", "docs.js"])
def test_the_page_names_no_other_host(name: str) -> None:
    """Neither the page nor its script contains a URL with a host."""
    assert re.findall(r"""(?:[a-z]+:)?//[\w.-]+\.\w+|["'(]//""", (STATIC / name).read_text()) == []


def test_page_resources_and_links_exist() -> None:
    """Each resource is a file in static/, each link is a described GET, and no script is inline (CSP)."""
    files = [address.removeprefix("/docs/") for address in PAGE.loads if address != "data:,"]
    assert sorted(files) == ["docs.js", "swagger-ui-bundle.js", "swagger-ui.css"]
    assert all((STATIC / name).is_file() for name in files)
    assert PAGE.inline == []
    offered = {operation for operation, _ in operations()} | {"GET /v1/schemas/feed-record"}
    assert {f"GET {link}" for link in PAGE.links if not link.startswith("#")} <= offered


def test_the_page_says_its_language_and_fits_a_phone() -> None:
    """The page declares its language and marks its Chinese parts; the viewport fits a phone."""
    text = (STATIC / "docs.html").read_text()
    assert PAGE.root == {"lang": "en"}
    assert 'lang="zh-CN"' in text
    assert 'name="viewport" content="width=device-width' in text
    assert {"#api", "/v1/schemas/feed-record"} <= set(PAGE.links)


def test_vendored_script_has_its_licence() -> None:
    """The vendored script has its licence and notice, and no source map."""
    licence = (STATIC / "LICENSE.swagger-ui.txt").read_text()
    assert "Apache License" in licence
    assert "SmartBear" in licence
    assert not list(STATIC.glob("*.map"))
