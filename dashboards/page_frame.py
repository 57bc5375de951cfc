"""The HTML frame of the Dash pages: themes as CSS properties, page data and scripts in their order.

Scripts are named here and not found by Dash, because their order matters (MapLibre before its Leaflet
binding, both after dash-leaflet and before the renderer) and because Dash sorts them by name.
"""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import styles
from dashboards.static_files import content_mark
from dashboards.wording import LANGUAGES, texts

GRID_PREFIX = "/assets/grid"
ASSETS = Path(__file__).parent / "assets"
STYLESHEETS = (
    "vendor/maplibre-gl.css",
    "one_map.css",
    "map_tools.css",
    "grid_check.css",
    "working_with_layers.css",
    "feature_edit.css",
    "live.css",
    "alarm_notice.css",
    "station.css",
    "replay.css",
    "tablet.css",
)
SCRIPTS = (
    "vendor/maplibre-gl.js",
    "vendor/leaflet-maplibre-gl.js",
    "page.js",
    "service.js",
    "coordinates.js",
    "layer_filter.js",
    "layer_arrangement.js",
    "base_map.js",
    "map_style.js",
    "gl_layer.js",
    "map.js",
    "layers.js",
    "live.js",
    "replay.js",
    "live_devices.js",
    "alarm_sound.js",
    "alarm_notice.js",
    "live_items.js",
    "live_style.js",
    "live_marks.js",
    "live_canvas.js",
    "live_glide.js",
    "live_map.js",
    "live_panel.js",
    "live_sign.js",
    "live_card.js",
    "replay_link.js",
    "replay_timeline.js",
    "replay_panel.js",
    "station_chart.js",
    "station_picture.js",
    "station_question.js",
    "station_card.js",
    "vehicle_track.js",
    "layer_panel.js",
    "record_card.js",
    "search_box.js",
    "status_bar.js",
    "filter_builder.js",
    "legend_counts.js",
    "grid_library.js",
    "table_columns.js",
    "feature_table.js",
    "layer_statistics.js",
    "view_state.js",
    "map_picture.js",
    "moments.js",
    "map_swipe.js",
    "view_panel.js",
    "grid_check.js",
    "header.js",
    "geodesic.js",
    "quantity.js",
    "linked.js",
    "edit_words.js",
    "drawing.js",
    "shape_editing.js",
    "reason_dialog.js",
    "edit_conflict.js",
    "edit_draft.js",
    "review_badge.js",
    "feature_edit.js",
    "case_words.js",
    "case_report.js",
    "case_around.js",
    "query_panel.js",
    "nearest.js",
    "map_tools.js",
    "panel_focus.js",
    "one_map.js",
)
FRAME = """<!DOCTYPE html>
<html lang="zh-CN" data-theme="night">
<head>
{{%metas%}}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{%title%}}</title>
<link rel="icon" type="image/svg+xml" href="{icon}">
{{%css%}}
<style>{theme_css}</style>
{stylesheets}
<script>
document.documentElement.dataset.theme =
  /(?:^|; )ioc_theme=(day|print)/.exec(document.cookie)?.[1] ?? "night";
</script>
</head>
<body data-map-state="loading">
{{%app_entry%}}
<div id="banner" role="alert" hidden></div>
<script type="application/json" id="ioc-page">{page}</script>
{{%config%}}
{{%scripts%}}
{scripts}
{{%renderer%}}
</body>
</html>
"""


def page_frame(settings: dict[str, Any]) -> str:
    """Dash's ``index_string`` with everything the browser code needs before its first request."""
    return FRAME.format(
        icon=asset_url("emblem.svg"),
        theme_css=theme_css(),
        stylesheets="\n".join(f'<link rel="stylesheet" href="{asset_url(name)}">' for name in STYLESHEETS),
        scripts="\n".join(f'<script src="{asset_url(name)}"></script>' for name in SCRIPTS),
        page=page_data(settings),
    )


def page_data(settings: dict[str, Any]) -> str:
    """What ``page.js`` reads: settings, texts, themes, base map, symbols; JSON fit for a script element."""
    page = {
        "settings": settings,
        "texts": {language: texts(language) for language in LANGUAGES},
        "themes": {theme: styles.theme_tokens(theme) for theme in styles.THEMES},
        "base_map": {theme: styles.base_map(theme) for theme in styles.THEMES},
        "symbols": styles.symbols(),
        "grid_library": grid_url(),
    }
    # "</" would end the script element, "{%" would be taken for a placeholder of Dash.
    return _compact(page).replace("</", "<\\/").replace("{%", "{\\u0025")


def theme_css() -> str:
    """The colour tokens of every theme as CSS custom properties under ``[data-theme]``."""
    rules = []
    for theme in styles.THEMES:
        tokens = {name: value for name, value in styles.theme_tokens(theme).items() if isinstance(value, str)}
        scheme = tokens.pop("scheme")
        properties = "".join(f"--{name}:{value};" for name, value in tokens.items())
        rules.append(f"[data-theme={theme}]{{color-scheme:{scheme};{properties}}}")
    return "\n".join(rules)


def asset_url(name: str) -> str:
    """URL of an asset that changes with its content, so that browsers may keep it."""
    path = ASSETS / name
    mark = content_mark(path.read_bytes()) if path.exists() else "missing"
    return f"/assets/{name}?v={mark}"


def grid_folder() -> Path:
    """Where dash-ag-grid keeps its scripts. It is not imported: Dash would put them all on the first page."""
    found = find_spec("dash_ag_grid")
    assert found is not None, "a dependency of the project"
    assert found.submodule_search_locations is not None, "a package"
    return Path(found.submodule_search_locations[0])


def grid_url() -> str:
    """URL of AG Grid's script, fetched when the first table is opened; its other part is found beside it."""
    return f"{GRID_PREFIX}/{version('dash_ag_grid')}/dash_ag_grid.min.js"


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
