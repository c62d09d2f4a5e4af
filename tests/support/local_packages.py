"""Builds a small package as a wheel, which pip installs without an index."""

import zipfile
from pathlib import Path

_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(folder: Path, name: str, text: str) -> Path:
    """Return the wheel of a package that consists of one module with this text."""
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    files = {f"{name}.py": text, f"{name}-1.0.dist-info/METADATA": _METADATA.format(name=name), f"{name}-1.0.dist-info/WHEEL": _WHEEL}
    record = "".join(f"{file},,\n" for file in [*files, f"{name}-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, content in (files | {f"{name}-1.0.dist-info/RECORD": record}).items():
            archive.writestr(file, content)
    return wheel
