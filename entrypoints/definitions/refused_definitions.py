"""The rule for definitions that are refused, in words. `headgate apply` and a folder that the web applies have the same rule."""


def describe_refused_definitions(count: int, is_plan: bool = False) -> str:
    """Return the rule, with the number of definitions that were refused, or would be."""
    subject = "1 definition" if count == 1 else f"{count:,} definitions"
    verb = "would be" if is_plan else "was" if count == 1 else "were"
    return f"{subject} {verb} refused. Valid definitions are applied all the same; nothing is archived until all are valid."
