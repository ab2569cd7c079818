"""Every variable that configures an app, with its default and its reason; README.md's table is held to this.

The choice between embedded and distributed is made here and nowhere else: a database URL per app and
KAFKA_BOOTSTRAP_SERVERS say it all, and a mixture of the two is refused at start.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

APPS = ("catalog", "demand", "pricing", "feedback", "gateway")
SERVICES = APPS[:4]


class ConfigurationError(Exception):
    """The configuration cannot work; the message is one line for the operator."""


class Settings(BaseSettings):
    """Read from the environment; unknown variables are not ours and are ignored."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    itaas_data_dir: Path = Field(
        Path(".itaas"), description="Embedded mode: folder of the SQLite files, the event log and the keys"
    )
    itaas_host: str = Field("127.0.0.1", description="Address to listen on")
    itaas_port: int = Field(8080, ge=0, le=65535, description="Port to listen on")
    catalog_database_url: str | None = Field(None, description="Catalogue database; empty: SQLite in the data folder")
    demand_database_url: str | None = Field(None, description="Demand database; empty: SQLite in the data folder")
    pricing_database_url: str | None = Field(None, description="Pricing database; empty: SQLite in the data folder")
    feedback_database_url: str | None = Field(None, description="Feedback database; empty: SQLite in the data folder")
    gateway_database_url: str | None = Field(None, description="Gateway database; empty: SQLite in the data folder")
    database_pool_size: int = Field(
        10, ge=2, le=200, description="Connections per process and database, for writes and again for reads"
    )
    kafka_bootstrap_servers: str | None = Field(
        None, description="Kafka brokers, comma-separated; empty: the embedded event log"
    )
    kafka_replication_factor: int = Field(1, ge=1, le=9, description="Replicas of each topic made by `itaas migrate`")
    catalog_url: str = Field("http://127.0.0.1:8081", description="Where the gateway reaches the catalogue over HTTP")
    demand_url: str = Field("http://127.0.0.1:8082", description="Where the gateway reaches demand over HTTP")
    pricing_url: str = Field("http://127.0.0.1:8083", description="Where the gateway reaches pricing over HTTP")
    feedback_url: str = Field("http://127.0.0.1:8084", description="Where the gateway reaches feedback over HTTP")
    oidc_issuer: str | None = Field(
        None, description="OpenID Connect issuer whose tokens are accepted; empty: the key in the data folder"
    )
    oidc_audience: str = Field("itaas", description="Audience that a token must name")
    person_id_key: str = Field(
        "", description="Secret that turns a subject into a person_id where the issuer sends no `person_id` claim"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level to log")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or text for people")
    max_body_bytes: int = Field(2_097_152, ge=1024, description="Largest request body, uploads excepted")
    max_upload_bytes: int = Field(2_147_483_648, ge=1024, description="Largest upload (cost files)")

    def database_url(self, app: str) -> str:
        """The database URL of an app: the one configured, or a SQLite file in the data folder."""
        configured: str | None = getattr(self, f"{app}_database_url")
        return configured or f"sqlite+aiosqlite:///{self.itaas_data_dir.absolute() / (app + '.db')}"

    def service_url(self, service: str) -> str:
        url: str = getattr(self, f"{service}_url")
        return url

    @property
    def embedded(self) -> bool:
        return self.kafka_bootstrap_servers is None

    @model_validator(mode="after")
    def refuse_a_mixture(self) -> Self:
        urls = {app: self.database_url(app) for app in APPS}
        if self.embedded:
            if others := [app for app, url in urls.items() if not url.startswith("sqlite")]:
                raise ValueError(
                    f"{others[0].upper()}_DATABASE_URL is not SQLite but KAFKA_BOOTSTRAP_SERVERS is empty: "
                    "set both for the distributed mode, or neither for the embedded one"
                )
        elif others := [
            app for app, url in urls.items() if getattr(self, f"{app}_database_url") and url.startswith("sqlite")
        ]:
            raise ValueError(
                f"{others[0].upper()}_DATABASE_URL is SQLite but KAFKA_BOOTSTRAP_SERVERS is set: "
                "set both for the distributed mode, or neither for the embedded one"
            )
        return self

    def require_database(self, app: str) -> str:
        """The database URL of `app`, refused in the distributed mode where only a SQLite default is left."""
        url = self.database_url(app)
        if not self.embedded and url.startswith("sqlite"):
            raise ConfigurationError(f"KAFKA_BOOTSTRAP_SERVERS is set, so {app.upper()}_DATABASE_URL must be set too")
        return url


def load_settings(**overrides: object) -> Settings:
    """The settings from the environment, `overrides` first. Raises ConfigurationError with one line per fault."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic-settings types its own init parameters only
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"]).upper()
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}" if name else message)
        raise ConfigurationError("\n".join(lines)) from error
