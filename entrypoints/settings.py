"""Settings: environment variables that start with HEADGATE_. The descriptions below generate docs/reference/settings.md."""

import ipaddress
import json
import os
import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.secret_file import read_or_create_secret
from domain.access.permissions import Role
from domain.pipelines.field_parser import ENV_NAME
from entrypoints.base_url import check_free_base_path, normalize_base_url
from entrypoints.network_addresses import is_https_or_loopback, is_loopback
from entrypoints.request_rate import Rate

_MASK = "********"
_MIN_SECRET_LENGTHS = {"secret": 32, "previous_secret": 32, "worker_token": 32, "oidc_client_secret": 8}
"""Characters. An empty variable, such as one that a compose file does not find, is refused too: without it another secret is used."""
_LINK_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}
"""Hosts to show in links in place of listening addresses that a browser cannot open."""


class SettingsError(Exception):
    """The environment is not a valid configuration. The message is one line that names the variable."""


class Settings(BaseSettings):
    """Every setting. Create it with `Settings.read()`, once, when the process starts."""

    model_config = SettingsConfigDict(env_prefix="HEADGATE_", extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    home: Path = Field(Path(".headgate"), description="Folder for everything that the embedded mode writes: data, secrets, logs.")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 14 or newer, as `postgresql://user:password@host/db`. Not set: `headgate up` runs an embedded one."
    )
    prefect_api_url: str | None = Field(
        None, description="API of a Prefect server, such as `http://prefect:4200/api`. Not set: `headgate up` runs one."
    )
    prefect_api_auth_string: SecretStr | None = Field(None, description="Credentials for that server, as `user:password`.")
    prefect_ui_url: str | None = Field(
        None, description="URL of Prefect's pages for browsers. Not set: the API's URL with `/v2` in place of `/api`."
    )
    prefect_database_url: SecretStr | None = Field(
        None, description="Database of the Prefect server that `headgate up` runs, if PostgreSQL is not the embedded one."
    )
    prefect_results: Annotated[list[Path], NoDecode] = Field(
        default_factory=list,
        description=(
            "Folders, separated by commas, in which Prefect's flows store results that become the output of stages. "
            "Only JSON results are read. Not set: the storage of the Prefect that `headgate up` runs."
        ),
    )
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the web server listens on.")
    auth: Literal["none", "team"] = Field(
        "none", description="`none`: no sign-in; the web server listens on loopback only. `team`: users sign in."
    )
    session_idle_hours: float = Field(12.0, gt=0, description="Hours without a request after which a session ends.")
    session_days: float = Field(7.0, gt=0, description="Days after which a session ends even if it is in use.")
    oidc_issuer: str | None = Field(
        None, description="OpenID Connect provider, such as `https://id.example.com`. Not set: local accounts only."
    )
    oidc_client_id: str | None = Field(None, description="Headgate's client id at the provider.")
    oidc_client_secret: SecretStr | None = Field(None, description="Headgate's client secret at the provider.")
    oidc_scopes: str = Field("openid profile email", description="Scopes to request from the provider; must include `openid`.")
    oidc_roles: Annotated[dict[str, Role], NoDecode] = Field(
        default_factory=dict,
        description=(
            "Roles by group or verified email address, such as `platform=admin,data=operator,*=viewer`. "
            "Users without a matching group are denied."
        ),
    )
    api_token: SecretStr | None = Field(None, description="Token that `headgate apply`, `trigger` and the other API commands send.")
    url: str = Field(
        "",
        description=(
            "URL at which users and workers reach the web server. It may have a path, such as `https://ops.example.com/headgate`. "
            "Not set: `http://` with host and port."
        ),
    )
    web_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description=(
            "Addresses of several web servers, separated by commas, such as `http://web-1:8000,http://web-2:8000`. The worker moves to the "
            "next one within 2 s when one does not respond. Stages still use `HEADGATE_URL`. Not set: `HEADGATE_URL` only."
        ),
    )
    worker_slots: int = Field(
        default_factory=lambda: 2 * (os.cpu_count() or 1),
        ge=1,
        description="Maximum number of stages that a worker runs at a time. Not set: two per core.",
    )
    worker_name: str = Field(
        default_factory=lambda: f"worker-{socket.gethostname()}",
        min_length=1,
        description="Name of the worker. Not set: `worker-` and the host name.",
    )
    workdir: Path = Field(Path(), description="Base folder of a stage's `workdir`. Not set: the folder the worker was started in.")
    pool: str = Field("headgate", min_length=1, description="Prefect work pool of this worker.")
    warm_pools: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["headgate"],
        description="Work pools of Headgate's own workers, separated by commas. Prefect's workers serve every other pool.",
    )
    worker_token: SecretStr | None = Field(
        None,
        description="Token of a worker on another machine; `headgate worker-tokens create` prints one. Not set: derived from the secret.",
    )
    keep_logs_days: float = Field(30.0, ge=0, description="Days to keep the output of stages; 0 keeps it forever.")
    keep_events_days: float = Field(
        90.0,
        ge=0,
        description="Days to keep the history of runs, the ticks of schedules, and incidents that are resolved with their messages (these "
        "for at least 90 days); 0 keeps them forever.",
    )
    min_free_bytes: int = Field(
        512 * 1024 * 1024,
        ge=0,
        description="Minimum free bytes on the disk of the home folder. Below it, triggers are refused but reports accepted. 0: no check.",
    )
    max_in_flight: int = Field(512, ge=1, description="Maximum number of concurrent requests; more get 503 with `Retry-After`.")
    rate_limit: str = Field(
        "", description="Maximum request rate per client, such as `100/second`, or `none`. Not set: 12,000 per minute if users sign in."
    )
    log_bytes_per_stage: int = Field(
        10 * 1024 * 1024, ge=1024, description="Maximum size of the output kept per attempt of a stage, in bytes."
    )
    lease_seconds: float = Field(20.0, gt=0, description="Seconds without a heartbeat after which a worker's stages are lost.")
    heartbeat_seconds: float = Field(5.0, gt=0, description="Seconds between a worker's heartbeats.")
    drain_seconds: float = Field(
        20.0,
        ge=0,
        description=(
            "Seconds that a stopping worker gives to running stages, and a stopping web server to open requests. "
            "The web server ends at most 10 seconds later, even if a background service does not stop. "
            "`headgate up` gives workers at most 3."
        ),
    )
    cancel_grace_seconds: float = Field(1.0, ge=0, description="Seconds between TERM and KILL for a cancelled stage.")
    secret: SecretStr | None = Field(
        None, description="Key that signs tokens, 32 characters or more. Not set: generated once and stored in the home folder."
    )
    previous_secret: SecretStr | None = Field(
        None,
        description=(
            "The secret before the present one. The web server reads the settings of alert channels that it has encrypted, and encrypts "
            "them with the present secret within a minute. Then remove it."
        ),
    )
    secrets_file: Path | None = Field(
        None, description="File with the secrets for stages, as `NAME=value` lines, mode 0600. Only the worker reads it."
    )
    stage_env: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description='Environment variables that the worker adds to every stage, as a JSON object such as `{"REGION": "eu"}`.',
    )
    http_allow: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Networks that `http` stages and alerts may reach besides public addresses, such as `10.0.0.0/8,127.0.0.1/32`.",
    )
    http_ports: Annotated[list[int], NoDecode] = Field(
        default_factory=lambda: [80, 443],
        description=(
            "Ports that `http` stages and alerts may reach, separated by commas. Not set: 80 and 443. "
            "Mail may also use 25, 465, 587 and 2525."
        ),
    )
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Host names that the web server accepts, separated by commas, besides loopback, its address and the URL's host.",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` headers are trusted. Not set: none.",
    )
    pipelines: Path | None = Field(
        None,
        description=(
            "Folder of definitions that the web applies when it starts. `/readyz` is 503 until all of them are applied. Not set: none. "
            "`headgate up FOLDER` sets it."
        ),
    )
    pipelines_watch: bool = Field(False, description="Apply the folder of definitions again whenever a file in it changes.")
    pipelines_prune: bool = Field(False, description="Archive the pipelines that the folder of definitions applied and no longer defines.")
    examples: bool = Field(False, description="Register the example pipelines if there are no pipelines. `headgate up` sets it.")
    command: str = Field(
        "headgate", description="The command that pages show to copy, on a Headgate that only this machine uses. `headgate up` sets it."
    )
    telemetry: Literal["off", "auto"] = Field(
        "auto", description="`auto`: send to a Datadog agent if one is configured. `off`: never send."
    )
    forward_stage_logs: bool = Field(False, description="Also write every line of a stage's output to the worker's log, with its context.")
    dd_site: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$",
        description="Datadog site, such as `datadoghq.eu`, for links from run pages to traces and logs.",
    )
    ci_events_url: str | None = Field(
        None,
        description="Where to send runs as CI Visibility pipeline events, such as `https://api.datadoghq.com`. Not set: not sent.",
    )
    dd_api_key: SecretStr | None = Field(None, description="Datadog API key for those events.")
    openlineage_url: str | None = Field(
        None, description="Where to send runs as OpenLineage events, such as `http://marquez:5000`. Not set: not sent."
    )
    openlineage_api_key: SecretStr | None = Field(None, description="Bearer token for the OpenLineage receiver.")
    openlineage_namespace: str = Field("headgate", min_length=1, description="Namespace of the jobs and datasets in OpenLineage events.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum level of log messages.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments and the environment only, no file."""
        return init_settings, env_settings

    @classmethod
    def read(cls, **overrides: Any) -> Self:
        """Return the settings of this process. Raise SettingsError with one line about the first mistake."""
        for field in _MIN_SECRET_LENGTHS:
            name = f"HEADGATE_{field.upper()}"
            if not os.environ.get(name, "set").strip():
                source = " to a token that `headgate worker-tokens create NAME` prints" if field == "worker_token" else ""
                raise SettingsError(f"{name}: is empty; set it{source}, or remove the variable")
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError(_describe_first_error(error)) from None

    @field_validator("home", "workdir", "secrets_file", "pipelines", mode="after")
    @classmethod
    def _make_absolute(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (unlike Path.resolve, it follows no symbolic link)
        except RuntimeError:
            raise ValueError(f"the home of the user in {value} is not known; write an absolute path") from None
        except FileNotFoundError:
            raise ValueError("the current folder no longer exists; change to another folder") from None

    @field_validator("database_url", "prefect_database_url", mode="after")
    @classmethod
    def _set_driver(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        scheme, separator, rest = value.get_secret_value().partition("://")
        if not separator or not re.fullmatch(r"postgres(ql)?(\+\w+)?", scheme):
            raise ValueError("must start with postgresql://")
        driver = "psycopg" if info.field_name == "database_url" else "asyncpg"
        return SecretStr(f"postgresql+{driver}://{rest}")

    @field_validator("ci_events_url", "openlineage_url", mode="after")
    @classmethod
    def _require_http(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/]", value):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator("url", mode="after")
    @classmethod
    def _normalize_url(cls, value: str) -> str:
        if not value.strip():
            return ""
        url = normalize_base_url(value)
        check_free_base_path(url)
        return url

    @field_validator("web_urls", mode="after")
    @classmethod
    def _normalize_web_urls(cls, value: list[str]) -> list[str]:
        return [normalize_base_url(url) for url in value]

    @field_validator(
        "allowed_hosts", "web_urls", "warm_pools", "http_allow", "http_ports", "trusted_proxies", "prefect_results", mode="before"
    )
    @classmethod
    def _split_list(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _parse_roles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
        if any(not group or role not in set(Role) for group, _, role in pairs):
            raise ValueError("must be a list such as platform=admin,data=operator,*=viewer; the roles are " + ", ".join(Role))
        return {group.strip(): Role(role) for group, _, role in pairs}

    @field_validator("stage_env", mode="before")
    @classmethod
    def _parse_stage_env(cls, value: object) -> object:
        try:
            pairs = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            pairs = None
        if not isinstance(pairs, dict) or not all(isinstance(text, str | SecretStr) for text in pairs.values()):
            raise ValueError('must be a JSON object of names and texts, such as {"REGION": "eu"}')
        for name, text in pairs.items():
            if not ENV_NAME.fullmatch(name) or name.startswith("HEADGATE_"):
                raise ValueError("a name must consist of letters, digits and _, and must not begin with HEADGATE_")
            if "\0" in str(text):
                raise ValueError(f"the value of {name} contains a NUL character, which an environment variable cannot hold")
        return pairs

    @field_validator("http_allow", mode="after")
    @classmethod
    def _normalize_networks(cls, value: list[str]) -> list[str]:
        return [str(ipaddress.ip_network(text)) for text in value]

    @field_validator("rate_limit", mode="after")
    @classmethod
    def _check_rate(cls, value: str) -> str:
        if value.strip():
            Rate.parse(value)
        return value.strip()

    @field_validator("secret", "previous_secret", "worker_token", "oidc_client_secret", mode="after")
    @classmethod
    def _check_secret_length(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        least = _MIN_SECRET_LENGTHS[str(info.field_name)]
        if value is not None and len(value.get_secret_value().strip()) < least:
            raise ValueError(f"must have {least} characters or more")
        return value

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.database_url is not None and self.prefect_api_url is None and self.prefect_database_url is None:
            raise ValueError("HEADGATE_DATABASE_URL also needs HEADGATE_PREFECT_API_URL or HEADGATE_PREFECT_DATABASE_URL")
        if self.ci_events_url is not None and self.dd_api_key is None:
            raise ValueError("HEADGATE_CI_EVENTS_URL also needs HEADGATE_DD_API_KEY")
        if self.oidc_issuer is not None and (self.oidc_client_id is None or self.oidc_client_secret is None or not self.oidc_roles):
            raise ValueError("HEADGATE_OIDC_ISSUER also needs HEADGATE_OIDC_CLIENT_ID, HEADGATE_OIDC_CLIENT_SECRET and HEADGATE_OIDC_ROLES")
        if self.oidc_issuer is not None and not is_https_or_loopback(self.oidc_issuer):
            raise ValueError("HEADGATE_OIDC_ISSUER must start with https://")
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("HEADGATE_LEASE_SECONDS must be at least twice HEADGATE_HEARTBEAT_SECONDS")
        return self

    @property
    def public_url(self) -> str:
        """The base URL for links, without a trailing slash."""
        return self.url or self.local_url

    @property
    def local_url(self) -> str:
        """The base URL at which processes on this machine reach the web server."""
        return f"http://{_LINK_HOSTS.get(self.host, self.host)}:{self.port}"

    @property
    def copied_command(self) -> str:
        """The command that pages show to copy. A path is of no use to people who open the pages on other machines."""
        return self.command if is_loopback(urlsplit(self.public_url).hostname or "") else "headgate"

    def check_exposure(self) -> None:
        """Raise SettingsError if others could use Headgate without signing in, or read passwords on the network."""
        if self.auth == "none" and not is_loopback(self.host):
            raise SettingsError(
                f"HEADGATE_HOST: others can reach {self.host}, and sign-in is off. Set HEADGATE_AUTH=team and create the first account "
                "with `headgate user create NAME --role admin`, or leave HEADGATE_HOST at 127.0.0.1."
            )
        if self.auth == "team" and not is_https_or_loopback(self.public_url):
            raise SettingsError(
                f"HEADGATE_URL: passwords would be sent to {self.public_url} in clear text. Add TLS in front and set HEADGATE_URL=https://…"
            )

    @property
    def prefect_pages_url(self) -> str | None:
        """The URL of Prefect's pages, or None without a Prefect server."""
        if self.prefect_ui_url:
            return self.prefect_ui_url.rstrip("/")
        # Without a sign-in, the pages at the root forget which flow run they were to show; these do not.
        return f"{self.prefect_api_url.rstrip('/').removesuffix('/api')}/v2" if self.prefect_api_url else None

    @property
    def prefect_result_folders(self) -> list[Path]:
        """The folders from which results of Prefect's flows may be read."""
        return self.prefect_results or [self.home / "prefect" / "storage"]

    def secret_key(self) -> str:
        """Return the key that signs tokens: the setting, else the one in the home folder, created on first use."""
        return self.secret.get_secret_value() if self.secret is not None else read_or_create_secret(self.home / "secret")

    def masked(self) -> dict[str, str]:
        """Return every setting by its variable name, with secrets and passwords in URLs masked."""
        return {f"HEADGATE_{name.upper()}": _mask(getattr(self, name)) for name in type(self).model_fields}


def _mask(value: object) -> str:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str) and "://" in text:
        text = re.sub(r"(://[^:/@]*):.*@", rf"\1:{_MASK}@", text)
        return re.sub(r"(password=)[^&]*", rf"\1{_MASK}", text, flags=re.IGNORECASE)
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, dict):
        return ",".join(f"{key}={_mask(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ",".join(_mask(item) for item in value)
    return "" if value is None else str(value)


def _describe_first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"HEADGATE_{str(first['loc'][0]).upper()}: {message}" if first["loc"] else message
