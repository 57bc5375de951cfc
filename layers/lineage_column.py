"""Where a feature's record comes from, read with the feature and so under the viewer's rights."""

from psycopg import sql

from geodata.models import VERSIONED_MODELS
from layers.layer import Layer


def lineage_column(layer: Layer) -> sql.Composed:
    """An item of SELECT over rows called ``found``: file, row in it, version and time of the load.

    A row carried over from an earlier version names the load it came with. ``row`` is null of features that
    were drawn by hand. Rows that come one by one, such as cases, have no lineage.
    """
    if layer.table not in VERSIONED_MODELS:
        return sql.SQL("{}").format(sql.SQL("NULL::jsonb"))
    published: sql.Composable = sql.SQL(
        "SELECT d.published_version_id FROM ioc.dataset d WHERE d.id = found.dataset_id"
    )
    if layer.versions:
        published = sql.SQL(
            "SELECT w.id FROM ioc.dataset_version w WHERE w.dataset_id = found.dataset_id AND w.id = ANY ({})"
        ).format(sql.Literal([version.id for version in layer.versions]))
    return sql.SQL(
        """(
            SELECT jsonb_build_object(
                'file', v.source_name, 'row', found.source_row, 'version', v.id, 'loaded_at', v.started_at
            )
            FROM ioc.dataset_version v WHERE v.id = coalesce(found.load_id, ({published}))
        )"""
    ).format(published=published)
