"""Layer files: those that are shipped are right; a wrong one is named by file and key."""

from pathlib import Path

import pytest

from layers.catalogue import Catalogue, LayerExistsError
from layers.layer_file import LayerFileError, read_layer
from layers.listing import layer_style
from styles import THEMES

GOOD = """
id = "lamp"
title = { zh = "路灯", en = "Lamps" }
theme = "component"
department = "urban"
table = "component"
geometry = "point"
order = 1
fields = ["code"]
"""


@pytest.mark.parametrize("layer", Catalogue.load(), ids=lambda layer: layer.id)
def test_every_shipped_layer_has_labels_and_a_style_in_every_theme(layer) -> None:
    assert layer.title.zh
    assert layer.title.en
    for shown in layer.fields:
        assert shown.label.zh
        assert shown.label.en
    for theme in THEMES:
        assert layer_style(layer, theme)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "lamp"', "", "id"),
        ('id = "lamp"', 'id = "Lamp post"', "id"),
        ('theme = "component"', 'theme = "lamps"', "theme"),
        ('table = "component"', 'table = "account"', "table"),
        ('table = "component"', 'table = "metric"', "table"),
        ('geometry = "point"', 'geometry = "circle"', "geometry"),
        ("order = 1", 'order = "first"', "order"),
        ("order = 1", "order = 1\nsensitivity = 4", "sensitivity"),
        ("order = 1", "order = 1\nmin_zoom = 12\nmax_zoom = 10", "min_zoom"),
        ("order = 1", "order = 1\ncolour = 3", "colour"),
        ("order = 1", 'order = 1\nproperties = ["wattage"]', "properties"),
        ("order = 1", 'order = 1\nproperties = ["name; DROP TABLE x"]', "properties"),
        ("order = 1", 'order = 1\nwhere = { watt = "1" }', "where.watt"),
        ("order = 1", "order = 1\nwhere = { name = 1 }", "where.name"),
        ("order = 1", 'order = 1\ntitle_field = "label"', "title_field"),
        ('["code"]', '["watt"]', "fields"),
        ('["code"]', '[{ name = "type_code", table = "nosuch" }]', "fields"),
        ('en = "Lamps"', 'fr = "Lampes"', "title.en"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    path = tmp_path / "lamp.toml"
    path.write_text(GOOD.replace(old, new), "utf-8")
    with pytest.raises(LayerFileError) as raised:
        read_layer(path)
    assert f"“{key}”" in str(raised.value)
    assert str(path) in str(raised.value)


def test_no_toml_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "lamp.toml"
    path.write_text("id = ", "utf-8")
    with pytest.raises(LayerFileError, match="not a TOML file"):
        read_layer(path)


def test_a_catalogue_is_immutable_and_refuses_a_second_layer_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "lamp.toml"
    path.write_text(GOOD, "utf-8")
    lamp = read_layer(path)
    empty = Catalogue()
    one = empty.register(lamp)
    assert (list(empty), list(one)) == ([], [lamp])
    with pytest.raises(LayerExistsError):
        one.register(lamp)
