"""Format values as the YAML that a person would write."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

_WIDTH = 100


class _Dumper(yaml.SafeDumper):
    """Write texts of several lines as blocks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def format_entry(key: str, value: Any) -> str:
    """Return a key and its value, without a line break at the end. Short lists and objects are on the line of their key."""
    if isinstance(value, list | dict):
        short = str(yaml.dump(value, Dumper=yaml.SafeDumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6))
        if len(key) + len(short) <= _WIDTH and "\n" not in short.strip():
            return f"{key}: {short.strip()}"
    return str(yaml.dump({key: value}, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True)).rstrip("\n")


def format_item(item: Mapping[str, Any], indent: int) -> str:
    """Return an object as an item of a block list, with a line break at the end."""
    lines = "\n".join(format_entry(key, value) for key, value in item.items()).split("\n")
    prefixes = ["- ", *["  "] * (len(lines) - 1)]
    return "".join(f"{' ' * indent}{prefix}{line}".rstrip() + "\n" for prefix, line in zip(prefixes, lines, strict=True))


def format_json(value: Any) -> str:
    """Return JSON, which is YAML on one line too."""
    return json.dumps(value, ensure_ascii=False)
