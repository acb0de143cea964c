"""The page /docs in a real browser: it renders from the gateway alone, and a request from it works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.program import Program

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    if not Path(CHROMIUM).exists():
        reason = f"no {CHROMIUM}: the page is not looked at"
        pytest.fail(reason) if os.environ.get("CREDITGATE_REQUIRE_SERVERS") == "1" else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, program: Program) -> Iterator[Page]:
    """A browser that gives the demo key as the password."""
    context = chromium.new_context(http_credentials={"username": "demo", "password": program.key})
    yield context.new_page()
    context.close()


def test_api_page_renders_with_credentials_in_the_address(chromium: Browser, program: Program) -> None:
    """Browsers refuse to fetch a relative address from such a page; and a request from it works all the same."""
    context = chromium.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://demo:{program.key}@127.0.0.1:{program.port}/docs")
    operation = page.locator(".opblock", has=page.locator('[data-path="/readyz"]'))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table .response-col_status").last
    assert status.inner_text(timeout=15_000).split()[0] == "200"
    context.close()
    assert errors == []


def test_api_page_renders_without_foreign_hosts(page: Page, program: Program, tmp_path: Path) -> None:
    """Every operation is shown, in both languages, with no error and no request to another host."""
    errors: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if "://" in request.url else None)
    page.goto(f"{program.url}/docs")
    page.wait_for_selector(".opblock")
    page.screenshot(path=str(tmp_path / "docs.png"), full_page=True)
    text = page.inner_text("body")
    for shown in ("/v1/checks", "/v1/feeds/{authority}/records", "/v1/locks/{lock}/release", "信用闸门"):
        assert shown in text
    assert errors == []
    assert hosts == {f"127.0.0.1:{program.port}"}
