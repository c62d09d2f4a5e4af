"""`headgate schema`: print the JSON Schema of definitions."""

import sys

from entrypoints.cli.output import print_json
from entrypoints.definitions.schema.document import SCHEMA_PATH, build_schema_document, format_modeline


def print_schema(base_url: str) -> None:
    """Print the schema, and to stderr the line by which an editor finds it."""
    print_json(build_schema_document(base_url))
    sys.stdout.flush()
    print(f"Write this as the first line of a definition:\n{format_modeline(base_url + SCHEMA_PATH)}", file=sys.stderr)
