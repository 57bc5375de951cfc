"""``ioc etl diff | approve | refuse | lineage``: what a version changes, who decides, where a row is from."""

from typing import Annotated

import typer
from rich.console import Console

from etl.approval import approve as approve_version
from etl.approval import refuse as refuse_version
from etl.dataset_record import dataset_id
from geodata.errors import UserError
from geodata.lineage import feature_lineage
from geodata.version_difference import Difference, kept
from ioc.context import open_store
from layers.catalogue import Catalogue

console = Console(highlight=False)

DatasetCode = Annotated[str, typer.Argument(help="Code of the dataset.")]
VersionId = Annotated[int, typer.Argument(help="Number of the version (ioc etl history).")]
Account = Annotated[str, typer.Option("--as", metavar="ACCOUNT", help="The account that decides.")]


def diff(
    dataset: DatasetCode,
    version: Annotated[int | None, typer.Argument(help="Of this version instead of the newest.")] = None,
) -> None:
    """What a version changes in the one it replaces: added, removed, moved, changed fields."""
    with open_store() as store, store.owner_connection() as connection:
        row = connection.execute(
            """
            SELECT v.id FROM ioc.dataset_version v JOIN ioc.version_difference c ON c.version_id = v.id
            WHERE v.dataset_id = %s AND v.id = coalesce(%s, v.id) ORDER BY v.id DESC LIMIT 1
            """,
            [dataset_id(connection, dataset), version],
        ).fetchone()
        found = kept(connection, row[0]) if row else None
    if row is None or found is None:
        which = f"version {version}" if version else "any version"
        raise UserError(f"No difference is kept of {which} of “{dataset}”: see `ioc etl history {dataset}`.")
    console.print(f"{dataset}, version {row[0]}:")
    print_difference(found)


def print_difference(difference: Difference) -> None:
    """A difference in a few lines, with examples."""
    if difference.base_version_id is None:
        console.print(f"  the first version: {difference.added:,} rows")
        return
    console.print(
        f"  against version {difference.base_version_id}: {difference.added:,} added, "
        f"{difference.removed:,} removed, {difference.changed:,} changed "
        f"({difference.moved:,} of them moved), {difference.unchanged:,} the same"
    )
    for words, codes in (("added", difference.added_codes), ("removed", difference.removed_codes)):
        if codes:
            console.print(f"  {words}: {', '.join(codes[:5])}{' …' if len(codes) > 5 else ''}", markup=False)
    for share in difference.moved_shares:
        below = f"to {share.below_m:g} m" if share.below_m else "m and more"
        console.print(f"  moved {share.from_m:g} {below}: {share.count:,}")
    for code, metres in difference.farthest[:3]:
        console.print(f"    {code}: {metres:,.3f} m", markup=False)
    for changed in difference.fields:
        console.print(f"  {changed.name}: {changed.count:,} changed")
        for code, before, after in changed.examples[:3]:
            console.print(f"    {code}: {before} → {after}", markup=False)


def approve(dataset: DatasetCode, version: VersionId, account: Account) -> None:
    """Publish a version that waits for a decision; not by who loaded it."""
    with open_store() as store:
        approve_version(store, dataset, version, account)
    console.print(f"Version {version} of {dataset} is published.")


def refuse(
    dataset: DatasetCode,
    version: VersionId,
    account: Account,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
) -> None:
    """Drop a version that waits for a decision."""
    with open_store() as store:
        refuse_version(store, dataset, version, account, reason)
    console.print(f"Version {version} of {dataset} is refused; its rows are dropped, its record stays.")


def lineage(
    layer: Annotated[str, typer.Argument(help="Id of the layer, or code of its dataset.")],
    feature: Annotated[int, typer.Argument(help="Id of the feature.")],
) -> None:
    """The load, file and row a feature comes from."""
    declared = Catalogue.load().by_id.get(layer)
    with open_store() as store, store.owner_connection() as connection:
        rows = connection.execute(
            "SELECT id, target FROM ioc.dataset WHERE code = %s OR target = %s",
            [layer, declared.table if declared else None],
        ).fetchall()
        if not rows:
            raise UserError(f"There is no layer “{layer}”; `ioc layers list` names those there are.")
        found = feature_lineage(connection, rows[0][1], [one for one, _ in rows], feature)
    if found is None:
        raise UserError(f"The layer “{layer}” has no feature {feature}.")
    console.print(
        f"{found.code}: {found.source_name}, row {found.source_row}, load {found.version_id} ({found.mode}) "
        f"of {found.started_at:%Y-%m-%d %H:%M:%S}" + (f" by {found.loaded_by}" if found.loaded_by else ""),
        markup=False,
    )
    console.print(f"  file sha256 {found.content_hash or 'not kept'}, {found.source_size or 0:,} bytes")
    console.print(f"  job {found.job} sha256 {found.job_hash or 'not kept'}, program {found.program or '?'}")
