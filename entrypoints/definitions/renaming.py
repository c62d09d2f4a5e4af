"""Change the name in the text of a definition, with everything else kept as it is written."""

from entrypoints.definitions.text_edits import UneditableText, set_text
from entrypoints.definitions.yaml_reader import InvalidDefinitionText


def rename_definition(text: str, name: str) -> str | None:
    """Return the text with another name of the pipeline; comments and layout stay.

    None if the name cannot be replaced in place, for example because it is written as an anchor to which other values refer.
    """
    try:
        return set_text(text, "name", name)
    except (UneditableText, InvalidDefinitionText):
        return None
