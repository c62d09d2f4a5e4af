"""A package index on loopback with one small package, for tests that install without a network."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

NAME: Final = "headgate_test_package"
FILE: Final = f"{NAME}-1.0-py3-none-any.whl"
USER: Final = "reader:a-password"


def build_wheel() -> bytes:
    """Return a wheel with one module."""
    info = f"{NAME}-1.0.dist-info"
    files = {
        f"{NAME}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


WHEEL: Final = build_wheel()
LOCK: Final = f"{NAME}==1.0 --hash=sha256:{hashlib.sha256(WHEEL).hexdigest()}\n"
_PAGE: Final = f'<!DOCTYPE html><html><body><a href="/files/{FILE}">{FILE}</a></body></html>'.encode()


@dataclass
class PackageIndex:
    """`/simple/` has the package, `/private/` too but for USER only, `/empty/` has none, and `/links/` is a page with a link to it."""

    url: str
    programs: set[str] = field(default_factory=set)
    """Which programs asked: `uv` and `pip`."""


@contextmanager
def a_package_index(certificate: Path | None = None, key: Path | None = None) -> Iterator[PackageIndex]:
    """Serve an index until the end of the block, by TLS if there is a certificate. It is a proxy for HTTP too, with the same pages."""
    index = PackageIndex("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            index.programs.add(self.headers.get("User-Agent", "").partition("/")[0])
            status, body = find_page(urlsplit(self.path).path, self.headers.get("Authorization", ""))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Type", "text/html" if body is not WHEEL else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    index.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


def find_page(path: str, authorization: str) -> tuple[int, bytes]:
    """Return the status and the body for a path."""
    folder, _, rest = path.lstrip("/").partition("/")
    if folder == "private" and authorization != "Basic " + base64.b64encode(USER.encode()).decode():
        return 401, b""
    if path == f"/files/{FILE}":
        return 200, WHEEL
    is_package = folder in ("simple", "private") and rest.strip("/") == NAME.replace("_", "-")
    return (200, _PAGE) if is_package or folder == "links" else (404, b"")


def write_local_index(folder: Path) -> Path:
    """Write an index of files and return its folder."""
    package = folder / "simple" / NAME.replace("_", "-")
    package.mkdir(parents=True)
    (package / FILE).write_bytes(WHEEL)
    (package / "index.html").write_text(f'<!DOCTYPE html><html><body><a href="{FILE}">{FILE}</a></body></html>')
    return folder / "simple"
