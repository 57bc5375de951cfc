"""Making accounts: what is refused, and in which words."""

from pathlib import Path

import pytest

from geodata.errors import UserError
from geodata.store import Store
from ioc.accounts import NewAccount, add_account, verify_password
from ioc.demo_accounts import DEMO_ACCOUNTS, ensure_demo_accounts

PASSWORD = "long-enough-1"


@pytest.mark.parametrize(
    ("account", "password", "words"),
    [
        (NewAccount("li", "李", ("boss",)), PASSWORD, "boss"),
        (NewAccount("li", "李", ()), PASSWORD, "one of"),
        (NewAccount("li", "李", ("staff",), "nowhere"), PASSWORD, "nowhere"),
        (NewAccount("li", "李", ("staff",)), "short", "10 characters"),
    ],
)
def test_a_faulty_account_is_refused(store: Store, account: NewAccount, password: str, words: str) -> None:
    with pytest.raises(UserError, match=words), store.owner_session() as session:
        add_account(session, account, password)


def test_a_name_is_given_once(store: Store) -> None:
    with store.owner_session() as session:
        add_account(session, NewAccount("li", "李", ("staff",)), PASSWORD)
    with pytest.raises(UserError, match="already"), store.owner_session() as session:
        add_account(session, NewAccount("li", "李", ("staff",)), PASSWORD)


def test_demo_accounts_are_made_once_and_their_passwords_kept(store: Store, tmp_path: Path) -> None:
    with store.owner_connection() as connection:
        connection.cursor().executemany(
            "INSERT INTO ioc.department VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(code, code, code) for code in {a.department_code for a in DEMO_ACCOUNTS if a.department_code}],
        )
    file = tmp_path / "demo_accounts.json"
    first = ensure_demo_accounts(store, file)
    assert ensure_demo_accounts(store, file) == first
    assert file.stat().st_mode & 0o077 == 0
    assert len({sign_in.password for sign_in in first}) == len(DEMO_ACCOUNTS)
    with store.app_connection() as connection:
        assert all(verify_password(connection, s.name, s.password) for s in first)
