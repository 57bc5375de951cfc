"""The demo district's accounts, one for each kind of user, with passwords made at the first start."""

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from geodata.models import Account
from geodata.store import Store
from ioc.accounts import NewAccount, add_account, new_password
from ioc.private_file import write_private

DEMO_ACCOUNTS = (
    NewAccount("admin", "系统管理员", ("admin",), "centre", sensitivity=3),
    NewAccount(
        "duty", "值班长", ("screen", "duty_chief"), "centre", sensitivity=3, dataset_rights=(("camera", 3),)
    ),
    NewAccount("water", "水务科员", ("staff",), "water", sensitivity=3),
    NewAccount("urban", "城管科员", ("staff",), "urban", sensitivity=3),
    NewAccount("planner", "规划师", ("planner",), "planning"),
    NewAccount("leader", "分管领导", ("leader",), "centre", sensitivity=3),
    NewAccount("steward", "数据管理员", ("steward",), "centre", sensitivity=3, reviews=(("*", 2),)),
    NewAccount("street", "水果湖街道专干", ("staff", "collector"), "urban", ("420106012",), sensitivity=3),
    NewAccount(
        "dispatch",
        "案件派遣员",
        ("staff", "receiver", "dispatcher"),
        "centre",
        sensitivity=3,
        dataset_rights=(("camera", 3),),
    ),
)


@dataclass(frozen=True)
class DemoSignIn:
    """A demo account with the password that was generated for it."""

    name: str
    display_name: str
    password: str


def ensure_demo_accounts(store: Store, file: Path) -> list[DemoSignIn]:
    """Make the demo accounts that are missing; their passwords are kept in ``file``, readable by its owner.

    Returns:
        Every demo account whose password is known from ``file``.
    """
    known = {entry["name"]: DemoSignIn(**entry) for entry in _read(file)}
    with store.owner_session() as session:
        existing = set(session.scalars(select(Account.name)))
        made = [account for account in DEMO_ACCOUNTS if account.name not in existing]
        for account in made:
            sign_in = DemoSignIn(account.name, account.display_name, new_password())
            add_account(session, account, sign_in.password)
            known[account.name] = sign_in
        if made:
            # Before the commit: an account whose password nobody knows would be of no use.
            _write(file, list(known.values()))
    return [known[account.name] for account in DEMO_ACCOUNTS if account.name in known]


def _read(file: Path) -> list[dict[str, str]]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def _write(file: Path, sign_ins: list[DemoSignIn]) -> None:
    content = [vars(sign_in) for sign_in in sign_ins]
    write_private(file, json.dumps(content, ensure_ascii=False, indent=1))
