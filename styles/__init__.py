"""How the map looks: symbols, palettes and themes as MapLibre style documents."""

from styles.loading import (
    THEMES,
    UnknownStyleError,
    base_map,
    legend_of,
    style_names,
    style_of,
    symbols,
    theme_tokens,
    variants_of,
)

__all__ = [
    "THEMES",
    "UnknownStyleError",
    "base_map",
    "legend_of",
    "style_names",
    "style_of",
    "symbols",
    "theme_tokens",
    "variants_of",
]
