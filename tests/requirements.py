"""What a test does when this machine lacks what it needs."""

import os
from typing import NoReturn

import pytest


def require_or_skip(reason: str) -> NoReturn:
    """Skip with one line; in CI (CI=true, or ITAAS_REQUIRE_STACK=1), where nothing may be skipped, fail instead."""
    if os.environ.get("ITAAS_REQUIRE_STACK") or os.environ.get("CI") == "true":
        pytest.fail(f"nothing may be skipped here: {reason}")
    pytest.skip(reason)
