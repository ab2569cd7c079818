"""The explorer in a real browser, over the whole suite: it shows the operations and asks nobody but us for anything."""

import asyncio
import html
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from services.settings import load_settings
from services.suite import running_suite
from tests.gateway.servers import serving
from tests.requirements import require_or_skip

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Visit:
    """What one visit to a page left behind."""

    dom: str
    console: list[str]
    requested: list[str]

    def elements(self, css_class: str) -> int:
        return len(re.findall(rf'class="(?:[^"]* )?{css_class}[ "]', self.dom))


async def visit(url: str, folder: Path, *options: str) -> Visit:
    """Open `url` in a fresh browser and wait until it has come to rest."""
    assert CHROMIUM is not None, "the fixture `suite` asks for it first"
    net_log = folder / "net.json"
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
        f"--log-net-log={net_log}",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        "--dump-dom",
        *options,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            dom, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    log = json.loads(net_log.read_text())
    started = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    # The browser's own traffic (updates, its clock) has no initiator; what a page asks for names the page's origin.
    requested = [
        event["params"]["url"]
        for event in log["events"]
        if event["type"] == started and event.get("params", {}).get("initiator") == origin
    ]
    console = [line for line in errors.decode(errors="replace").splitlines() if ":CONSOLE" in line]
    return Visit(dom.decode(), console, requested)


@pytest.fixture
async def suite(tmp_path: Path) -> AsyncIterator[str]:
    """The whole suite, serving; its URL."""
    if CHROMIUM is None:
        require_or_skip("no chromium: the explorer is not tried in a browser")
    async with running_suite(load_settings(itaas_data_dir=tmp_path / "data")) as gateway, serving(gateway) as url:
        yield url


def operations(document: dict[str, Any]) -> int:
    return sum(len(item) for item in document["paths"].values())


async def test_the_explorer_shows_every_operation_and_asks_nobody_else(suite: str, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=suite, trust_env=False) as client:
        document = (await client.get("/openapi.json")).json()
    # The explorer makes only those operations that are in view, so that the window has to hold them all.
    page = await visit(f"{suite}/docs", tmp_path, "--window-size=1280,32000", f"--screenshot={tmp_path / 'docs.png'}")
    assert page.elements("opblock") == operations(document) > 40
    text = html.unescape(page.dom)
    for words in ("Catalogue: ", "Demand: ", "Pricing: ", "Feedback: ", "Gateway: Events", "Authorize"):
        assert words in text
    assert {urlsplit(url).netloc for url in page.requested} == {urlsplit(suite).netloc}
    assert {urlsplit(url).path for url in page.requested} >= {"/openapi.json", "/docs/assets/swagger-ui-bundle.js"}
    assert not [line for line in page.console if "Security Policy" in line or "Error" in line]
    assert (tmp_path / "docs.png").stat().st_size > 20_000


async def test_a_deep_link_opens_its_operation(suite: str, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=suite, trust_env=False) as client:
        document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/events/v1/events"]["get"]
    page = await visit(f"{suite}/docs#/{quote(operation['tags'][0])}/{operation['operationId']}", tmp_path)
    assert page.elements("opblock-body") == 1
    assert page.elements("is-open") >= 1
    assert "as far as you may see them" in page.dom
    assert not [line for line in page.console if "Security Policy" in line]


async def test_the_portal_works_without_scripts_at_phone_width(suite: str, tmp_path: Path) -> None:
    page = await visit(f"{suite}/", tmp_path, "--window-size=390,844")
    assert 'href="/docs"' in page.dom and "itaas token --role" in page.dom
    assert {urlsplit(url).netloc for url in page.requested} == {urlsplit(suite).netloc}
    assert page.console == []
