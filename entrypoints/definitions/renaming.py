"""Change the name in the text of a definition, with everything else kept as it is written."""

import yaml

from entrypoints.definitions.yaml_reader import InvalidDefinitionText, compose_document, parse_definition
from entrypoints.text_decoding import remove_byte_order_mark


def rename_definition(text: str, name: str) -> str | None:
    """Return the text with another name of the pipeline; comments and layout stay. None if the name cannot be replaced in place.

    The text must be a valid definition. A name that is written as an anchor, an alias or a merged key cannot be replaced.
    """
    text = remove_byte_order_mark(text)
    node = _find_name(text)
    if node is None:
        return None
    start, end = node.start_mark.index, node.end_mark.index
    renamed = f"{text[:start]}{_write(name, node.style)}{text[end:]}"
    try:
        is_same = parse_definition(renamed) == {**parse_definition(text), "name": name}
    except InvalidDefinitionText:
        return None
    return renamed if is_same else None


def _find_name(text: str) -> yaml.ScalarNode | None:
    root = compose_document(text)
    if not isinstance(root, yaml.MappingNode):
        return None
    found = (value for key, value in root.value if key.value == "name" and isinstance(value, yaml.ScalarNode))
    return next(found, None)


def _write(name: str, style: str | None) -> str:
    """Return the name as a scalar in quotes as before. A plain name that YAML would read as another type gets quotes."""
    if style in ("'", '"'):
        return f"{style}{name}{style}"
    plain = name if isinstance(yaml.safe_load(name), str) else f'"{name}"'
    return f"{plain}\n" if style else plain  # a text of several lines ends with its last line
