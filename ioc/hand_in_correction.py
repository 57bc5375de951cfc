"""What a steward corrects in the proposal of a hand-in, and when its job is fit to be tried."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request

from dashboards.office_page import office_texts
from etl.inspect import Told
from etl.job import Job
from etl.job_file import read_job
from geodata.errors import UserError
from geodata.viewer import Viewer
from ioc.hand_in import FOLDER
from ioc.hand_in_pages import HandInPages
from ioc.hand_in_record import HandIn, Proposal
from ioc.page_choices import language_of

CODE = re.compile("[a-z][a-z0-9_]{1,49}")
HEAD = ("title_zh", "title_en", "department")


class ProposalError(UserError):
    """The job is not right as it was corrected."""


def corrected(
    own: HandInPages, one: HandIn, number: int, form: Mapping[str, str], viewer: Viewer
) -> Proposal:
    """The proposal of a layer as the form says it should be."""
    old = one.layers[number]
    code = form.get("code", old.code).strip()
    if "job" in form:
        return old.model_copy(update={"code": code, "job": form["job"].replace("\r\n", "\n")})
    head = {key: form[key].strip() for key in HEAD if form.get(key, "").strip()}
    told = _told(old, form)
    new = old
    if told is not None:
        path = own.inbox / FOLDER / one.token / old.file
        same = [layer for layer in one.layers if layer.file == old.file].index(old)
        new = own.proposals(path, viewer, told)[same]
    runs = {"check_run": old.check_run, "load_run": old.load_run}
    return new.model_copy(update={"code": code, "job": with_head(new.job, head), **runs})


def _told(old: Proposal, form: Mapping[str, str]) -> Told | None:
    """What the form says otherwise than the finding; None where it is the same.

    Raises:
        ProposalError: two fields are to fill one column.
    """
    found = old.found
    target, crs = form.get("target", found["target"]), form.get("crs") or found["crs"]
    before = {field["source"]: field["target"] for field in found["fields"] if not field["coordinate"]}
    after = {
        field["source"]: form.get(f"field.{place}", field["target"]) or None
        for place, field in enumerate(found["fields"])
        if not field["coordinate"]
    }
    if target != found["target"]:
        return Told(found["layer"], target, crs if crs != found["crs"] else None, {})
    filled = [column for column in after.values() if column]
    twice = next((column for column in filled if filled.count(column) > 1), None)
    if twice:
        raise ProposalError(
            f"Two fields are to fill the column “{twice}”: leave one of them out.",
            zh=f"有两个字段都对应到“{twice}”，请去掉一个。",
        )
    if after == before and crs == found["crs"]:
        return None
    chosen = crs if crs != found["crs"] or found["crs_confidence"] == 1.0 else None
    return Told(found["layer"], target, chosen, after)


def with_head(text: str, head: Mapping[str, str]) -> str:
    """A job's text with other values of the keys above its first part."""
    lines = text.splitlines()
    end = next((place for place, line in enumerate(lines) if line.startswith("[")), len(lines))
    for key, value in head.items():
        # JSON's escapes are TOML's.
        said = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        place = next((i for i in range(end) if re.match(rf"{key}\s*=", lines[i])), None)
        if place is None:
            lines.insert(0, said)
            end += 1
        else:
            lines[place] = said
    return "\n".join(lines) + "\n"


def job_of(layer: Proposal, layers: list[Proposal], request: Request) -> Job:
    """The job of a proposal, fit to be tried.

    Raises:
        ProposalError, UserError: what is wrong with it, in the page's language where it is the code.
    """
    words = office_texts(language_of(request))
    if not CODE.fullmatch(layer.code):
        raise ProposalError(words["hand_in_code_form"].format(code=layer.code[:60]))
    if [one.code for one in layers].count(layer.code) > 1:
        raise ProposalError(words["hand_in_code_twice"].format(code=layer.code))
    job = read_job(layer.job, layer.code, Path(), "The job")
    source = job.source
    if job.code != layer.code:
        raise ProposalError(words["hand_in_code_differs"].format(code=layer.code, other=job.code))
    # A job from the web reads what was handed in with it, and nothing else of the server's.
    if (
        source.path != layer.file
        or any((source.url, source.credential, source.table, source.parameters))
        or job.load.lists_standing
    ):
        raise ProposalError(words["hand_in_source"].format(file=layer.file))
    return job
