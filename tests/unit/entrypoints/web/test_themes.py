"""The light and the dark theme differ in colours only, so rules of axe that are not about colours need one theme."""

from tests.support.paths import ROOT

STYLES = ROOT / "entrypoints/web/static"
OF_THE_THEME = {f':root[data-theme="{theme}"] {{ color-scheme: {theme}; }}' for theme in ("light", "dark")}


def test_styles_depend_on_the_theme_by_the_colour_scheme_only() -> None:
    lines = [line.strip() for file in sorted(STYLES.glob("*.css")) for line in file.read_text().splitlines()]

    assert {line for line in lines if "data-theme" in line or "prefers-color-scheme" in line} == OF_THE_THEME
