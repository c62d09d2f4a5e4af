"""The settings: environment variables that begin with HEADGATE_, and nothing else. The descriptions are the documentation."""

import contextlib
import ipaddress
import os
import re
import secrets
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from domain.access.permissions import Role
from entrypoints.network_addresses import is_https_or_loopback, is_loopback
from entrypoints.request_rate import Rate

_SHOWN_SECRET = "********"
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}


class SettingsError(Exception):
    """The environment does not describe a Headgate that can run; the message is one line that names the variable."""


class Settings(BaseSettings):
    """Every setting, read once at the start. `Settings.read()` answers mistakes with one line."""

    model_config = SettingsConfigDict(env_prefix="HEADGATE_", extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    home: Path = Field(Path(".headgate"), description="Folder for all that the embedded mode writes: data, secrets, logs.")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 14 or newer to use, `postgresql://user:password@host/db`. Not set: an embedded one is run."
    )
    prefect_api_url: str | None = Field(
        None, description="A Prefect server to use, such as `http://prefect:4200/api`. Not set: `headgate up` runs one."
    )
    prefect_api_auth_string: SecretStr | None = Field(None, description="What that server asks for, `user:password`.")
    prefect_ui_url: str | None = Field(
        None, description="Address by which people's browsers reach Prefect's pages. Not set: that of its API, without `/api`."
    )
    prefect_database_url: SecretStr | None = Field(
        None, description="The database of the Prefect server that `headgate up` runs, when PostgreSQL is not the embedded one."
    )
    host: str = Field("127.0.0.1", description="Address the web listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the web listens on.")
    auth: Literal["none", "team"] = Field(
        "none", description="`none`: whoever reaches it may do everything, so it listens on loopback alone. `team`: people sign in."
    )
    session_idle_hours: float = Field(12.0, gt=0, description="Hours without a request after which a sign-in ends.")
    session_days: float = Field(7.0, gt=0, description="Days after which a sign-in ends in any case.")
    oidc_issuer: str | None = Field(
        None, description="OpenID Connect provider to sign in by, such as `https://id.example.com`. Not set: local accounts alone."
    )
    oidc_client_id: str | None = Field(None, description="What Headgate is called there.")
    oidc_client_secret: SecretStr | None = Field(None, description="Its secret there.")
    oidc_scopes: str = Field("openid profile email", description="What is asked of it; `openid` is among it.")
    oidc_roles: Annotated[dict[str, Role], NoDecode] = Field(
        default_factory=dict,
        description="Roles by group or verified address, such as `platform=admin,data=operator,*=viewer`. Who has none does not come in.",
    )
    api_token: SecretStr | None = Field(None, description="Token that `headgate trigger`, `apply` and the like send.")
    url: str = Field("", description="Address people and workers reach the web by. Not set: `http://` host and port.")
    worker_slots: int = Field(
        default_factory=lambda: 2 * (os.cpu_count() or 1),
        ge=1,
        description="Stages one worker runs at a time. Not set: two per core.",
    )
    worker_name: str = Field(
        default_factory=lambda: f"worker-{socket.gethostname()}",
        min_length=1,
        description="The worker's name. Not set: from the host's.",
    )
    workdir: Path = Field(Path(), description="Folder that a stage's `workdir` is relative to. Not set: where the worker was started.")
    pool: str = Field("headgate", min_length=1, description="Prefect work pool of this worker.")
    warm_pools: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["headgate"],
        description="Work pools served by Headgate's own workers, separated by commas; any other pool is carried by Prefect's workers.",
    )
    worker_token: SecretStr | None = Field(
        None, description="Token of a worker on another machine (`headgate worker-token` prints it). Not set: made from the secret."
    )
    keep_logs_days: float = Field(30.0, ge=0, description="Days for which stages' output is kept; 0 keeps it for ever.")
    keep_events_days: float = Field(90.0, ge=0, description="Days for which runs' histories are kept; 0 keeps them for ever.")
    min_free_bytes: int = Field(
        512 * 1024 * 1024, ge=0, description="Bytes to be left on the home's disk: below, no run is taken; reports are. 0 never looks."
    )
    max_in_flight: int = Field(512, ge=1, description="Requests the web takes on at once; over it they get 503 and are to ask again.")
    rate_limit: str = Field(
        "", description="Requests a caller may make, such as `100/second`, or `none`. Not set: 12,000 a minute if people sign in."
    )
    log_bytes_per_stage: int = Field(10 * 1024 * 1024, ge=1024, description="Bytes of output kept of one attempt of a stage.")
    lease_seconds: float = Field(20.0, gt=0, description="Seconds a worker may be silent before its stages count as lost.")
    heartbeat_seconds: float = Field(5.0, gt=0, description="Seconds between a worker's signs of life.")
    drain_seconds: float = Field(
        20.0,
        ge=0,
        description="Seconds a worker told to end gives what it runs, and a web what it answers; `headgate up` gives at most 3.",
    )
    cancel_grace_seconds: float = Field(1.0, ge=0, description="Seconds a cancelled stage has between TERM and KILL.")
    secret: SecretStr | None = Field(
        None, description="Key that tokens are made with, 32 characters or more. Not set: made once and kept in the home."
    )
    secrets_file: Path | None = Field(
        None, description="File of `NAME=value` lines, 0600, with the secrets that stages ask for; read by the worker alone."
    )
    http_allow: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Networks that stages of kind `http` may reach beside public addresses, such as `10.0.0.0/8,127.0.0.1/32`.",
    )
    http_ports: Annotated[list[int], NoDecode] = Field(
        default_factory=lambda: [80, 443],
        description="Ports that stages of kind `http` may reach, separated by commas. Not set: 80 and 443.",
    )
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="More host names the web answers to, separated by commas, beside loopback and the URL's.",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Not set: none.",
    )
    examples: bool = Field(False, description="Register the example pipelines when there is no pipeline. `headgate up` sets it.")
    telemetry: Literal["off", "auto"] = Field("auto", description="`auto`: to a Datadog agent if one is named. `off`: never.")
    forward_stage_logs: bool = Field(False, description="Write every line that a stage prints to the worker's log too, with its context.")
    dd_site: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$",
        description="Datadog site, such as `datadoghq.eu`: run pages link to their trace and logs.",
    )
    ci_events_url: str | None = Field(
        None, description="Where runs are told as CI Visibility pipeline events, such as `https://api.datadoghq.com`. Not set: nowhere."
    )
    dd_api_key: SecretStr | None = Field(None, description="Datadog's API key, for those events.")
    openlineage_url: str | None = Field(
        None, description="Where runs are told as OpenLineage events, such as `http://marquez:5000`. Not set: nowhere."
    )
    openlineage_api_key: SecretStr | None = Field(None, description="Bearer token of that address.")
    openlineage_namespace: str = Field("headgate", min_length=1, description="Namespace of the jobs and datasets in those events.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments and the environment; no file is read."""
        return init_settings, env_settings

    @classmethod
    def read(cls, **overrides: Any) -> Self:
        """The settings of this process. Raises SettingsError with one line for the first mistake."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError(_first_line(error)) from None

    @field_validator("home", "workdir", "secrets_file", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (it also removes `..`, and follows no link)

    @field_validator("database_url", "prefect_database_url", mode="after")
    @classmethod
    def _driver(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        scheme, separator, rest = value.get_secret_value().partition("://")
        if not separator or not re.fullmatch(r"postgres(ql)?(\+\w+)?", scheme):
            raise ValueError("must begin with postgresql://")
        driver = "psycopg" if info.field_name == "database_url" else "asyncpg"
        return SecretStr(f"postgresql+{driver}://{rest}")

    @field_validator("ci_events_url", "openlineage_url", mode="after")
    @classmethod
    def _by_http(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/]", value):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("allowed_hosts", "warm_pools", "http_allow", "http_ports", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _roles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
        if any(not who or role not in set(Role) for who, _, role in pairs):
            raise ValueError("is a list such as platform=admin,data=operator,*=viewer; the roles are " + ", ".join(Role))
        return {who.strip(): Role(role) for who, _, role in pairs}

    @field_validator("http_allow", mode="after")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        return [str(ipaddress.ip_network(text)) for text in value]

    @field_validator("rate_limit", mode="after")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        if value.strip():
            Rate.read(value)
        return value.strip()

    @field_validator("secret", mode="after")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must have 32 characters or more")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.database_url is not None and self.prefect_api_url is None and self.prefect_database_url is None:
            raise ValueError("HEADGATE_DATABASE_URL also needs HEADGATE_PREFECT_API_URL or HEADGATE_PREFECT_DATABASE_URL")
        if self.ci_events_url is not None and self.dd_api_key is None:
            raise ValueError("HEADGATE_CI_EVENTS_URL also needs HEADGATE_DD_API_KEY")
        if self.oidc_issuer is not None and (self.oidc_client_id is None or self.oidc_client_secret is None or not self.oidc_roles):
            raise ValueError("HEADGATE_OIDC_ISSUER also needs HEADGATE_OIDC_CLIENT_ID, HEADGATE_OIDC_CLIENT_SECRET and HEADGATE_OIDC_ROLES")
        if self.oidc_issuer is not None and not is_https_or_loopback(self.oidc_issuer):
            raise ValueError("HEADGATE_OIDC_ISSUER must begin with https://")
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("HEADGATE_LEASE_SECONDS must be at least twice HEADGATE_HEARTBEAT_SECONDS")
        return self

    @property
    def public_url(self) -> str:
        """The base address for links, without a slash at its end."""
        return (self.url or f"http://{_LOOPBACK.get(self.host, self.host)}:{self.port}").rstrip("/")

    def check_exposure(self) -> None:
        """Raise SettingsError rather than listen where people could come in who should not."""
        if self.auth == "none" and not is_loopback(self.host):
            raise SettingsError(
                f"HEADGATE_HOST: {self.host} can be reached by others, and nobody has to sign in. Set HEADGATE_AUTH=team and make the "
                "first account with `headgate user create NAME --role admin`; or leave HEADGATE_HOST at 127.0.0.1."
            )
        if self.auth == "team" and not is_https_or_loopback(self.public_url):
            raise SettingsError(
                f"HEADGATE_URL: people would sign in at {self.public_url} in clear text. Put TLS before it and set HEADGATE_URL=https://…"
            )

    @property
    def prefect_pages_url(self) -> str | None:
        """Where people see Prefect's pages; None without a Prefect."""
        pages = self.prefect_ui_url or (self.prefect_api_url or "").rstrip("/").removesuffix("/api")
        return pages.rstrip("/") or None

    def secret_key(self) -> str:
        """The key that tokens are made with: the setting, else the one in the home, made at the first call."""
        return self.secret.get_secret_value() if self.secret is not None else read_or_create_secret(self.home / "secret")

    def masked(self) -> dict[str, str]:
        """Every setting by its variable, with secrets and the passwords of addresses hidden."""
        return {f"HEADGATE_{name.upper()}": _masked(getattr(self, name)) for name in type(self).model_fields}


def read_or_create_secret(path: Path) -> str:
    """The secret in the file `path`; made there, for our eyes only, if there is none. One writer wins a race."""
    if not path.exists():
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


def _masked(value: object) -> str:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str) and "://" in text:
        text = re.sub(r"(://[^:/@]*):.*@", rf"\1:{_SHOWN_SECRET}@", text)
        return re.sub(r"(password=)[^&]*", rf"\1{_SHOWN_SECRET}", text, flags=re.IGNORECASE)
    if isinstance(value, SecretStr):
        return _SHOWN_SECRET
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    said = str(first["msg"]).removeprefix("Value error, ")
    return f"HEADGATE_{str(first['loc'][0]).upper()}: {said}" if first["loc"] else said
