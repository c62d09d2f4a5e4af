"""`headgate init`: write a first pipeline."""

import re
import shlex
import sys
from pathlib import Path

from domain.pipelines.field_parser import NAME
from entrypoints.definitions.schema.document import SCHEMA_PATH, format_modeline

FILE_NAME = "pipeline.yaml"
_SUFFIXES = (".yaml", ".yml")
_TEMPLATE = """\
{modeline}
# A first pipeline. All keys: headgate schema, or docs/reference/definition.md.
name: {name}
description: Greet someone, then count

# JSON Schema of the parameters. It makes the trigger form and checks every trigger.
parameters:
  type: object
  properties:
    who: {{type: string, default: world, description: Whom to greet}}

stages:
  # A stage gets the parameters as variables. With shell: true, a shell runs the command.
  - name: greet
    command: echo "Hello, $HEADGATE_PARAM_WHO"
    shell: true

  # This stage starts when greet has completed. A failed attempt is repeated twice, each time after five seconds.
  - name: count
    needs: [greet]
    command: [sh, -c, 'for n in 1 2 3; do echo "line $n"; sleep 1; done']
    timeout: 1m
    retries: 2
    retry_delay: 5s

# Remove the # of these lines to run it every night.
# schedules:
#   - name: nightly
#     cron: "30 2 * * *"
#     timezone: Europe/Berlin
"""


def write_first_pipeline(target: Path, base_url: str) -> int:
    """Write the file and print the next two commands. Return 2 if it exists or cannot be written."""
    file = target if target.suffix in _SUFFIXES and not target.is_dir() else target / FILE_NAME
    text = _TEMPLATE.format(modeline=format_modeline(base_url + SCHEMA_PATH), name=_choose_name(file))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        print(f"headgate: {file} exists already and was not changed. Name another file: headgate init FILE.yaml", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"headgate: {file}: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"Wrote {file}. Next:\n\n  headgate apply {shlex.quote(str(file))}\n  headgate trigger {_choose_name(file)} --watch")
    return 0


def _choose_name(file: Path) -> str:
    """Return the name of the file, or of its folder, if a pipeline can have it; else `hello`."""
    chosen = file.stem if file.name != FILE_NAME else file.absolute().parent.name
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", chosen).strip("-")
    is_word = NAME.fullmatch(name) is not None and name.lower() not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    return name if is_word else "hello"
