"""The pages for people, made once at start: the portal and the API explorer, with every asset from our own files.

No script or style may be inline, and nothing may come from elsewhere: the Content-Security-Policy says so to the
browser, and tests/gateway/test_explorer_browser.py watches it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from gateway.capabilities import CAPABILITIES
from services.identity import Role

_ASSETS = Path(str(files("gateway"))) / "assets"
_VENDORED = _ASSETS / "swagger-ui"

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Asset:
    file: Path
    media_type: str


# The only files that are served, by name: a request's path is never joined to a folder.
ASSETS: Mapping[str, Asset] = {
    "swagger-ui.css": Asset(_VENDORED / "swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": Asset(_VENDORED / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "favicon-32x32.png": Asset(_VENDORED / "favicon-32x32.png", "image/png"),
    "LICENSE": Asset(_VENDORED / "LICENSE", "text/plain; charset=utf-8"),
    "NOTICE": Asset(_VENDORED / "NOTICE", "text/plain; charset=utf-8"),
    "swagger-ui-bundle.js.LICENSE.txt": Asset(
        _VENDORED / "swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"
    ),
    "explorer.js": Asset(_ASSETS / "explorer.js", "text/javascript; charset=utf-8"),
    "pages.css": Asset(_ASSETS / "pages.css", "text/css; charset=utf-8"),
}

_TOKENS = """\
      <h2>A token to try it with</h2>
      <p>
        This suite runs in embedded mode and is its own issuer. Print a token in a terminal, then choose
        <em>Authorize</em> in the explorer and paste it:
      </p>
      <pre><code>{commands}</code></pre>"""


def explorer() -> str:
    return _page("explorer.html")


def portal(*, tokens: bool) -> str:
    """The landing page; `tokens` shows how to get one, where this suite is its own issuer."""
    capabilities = "\n".join(
        f"        <li><h3>{escape(capability.title)}</h3><p>{escape(capability.sentence)}</p>"
        f"<code>{escape(capability.prefix)}/v1/…</code></li>"
        for capability in CAPABILITIES
    )
    commands = "\n".join(f"itaas token --role {role}" for role in Role)
    return (
        _page("portal.html")
        .replace("@CAPABILITIES@", capabilities)
        .replace("@TOKENS@", _TOKENS.format(commands=escape(commands)) if tokens else "")
    )


def _page(name: str) -> str:
    version = (_VENDORED / "VERSION").read_text().strip()
    return (_ASSETS / name).read_text().replace("@VERSION@", escape(version))
