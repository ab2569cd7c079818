"""Settings: the README's table is the code's, and what cannot work is refused in one line."""

import re
from pathlib import Path

import pytest

from services.settings import APPS, ConfigurationError, Settings, load_settings

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_names_every_variable_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", README.read_text(), flags=re.MULTILINE))
    expected = {}
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        expected[name.upper()] = default
    assert rows == expected


def test_every_variable_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_nothing_set_is_the_embedded_mode(tmp_path: Path) -> None:
    settings = load_settings(itaas_data_dir=tmp_path)
    assert settings.embedded
    assert all(settings.database_url(app) == f"sqlite+aiosqlite:///{tmp_path}/{app}.db" for app in APPS)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"catalog_database_url": "postgresql+asyncpg://x/y"}, "KAFKA_BOOTSTRAP_SERVERS is empty"),
        (
            {"kafka_bootstrap_servers": "127.0.0.1:1", "demand_database_url": "sqlite+aiosqlite:///x.db"},
            "DEMAND_DATABASE_URL is SQLite",
        ),
        ({"itaas_port": 70000}, "ITAAS_PORT"),
        ({"log_level": "loud"}, "LOG_LEVEL"),
    ],
)
def test_what_cannot_work_is_refused_by_name(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_settings(**overrides)


def test_kafka_without_a_database_is_refused(tmp_path: Path) -> None:
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="PRICING_DATABASE_URL must be set"):
        settings.require_database("pricing")
