import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from assistant import database as database_module
from assistant.database import Database
from assistant.errors import CatalogError, Locked, StoreError
from assistant.tables import STEPS

PUT = "INSERT INTO meta VALUES (?, ?)"
COUNT = "SELECT count(*) FROM meta"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dä ta 🧪" / "catalog.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database.open(path)
    yield database
    database.close()


def test_what_was_put_in_is_there_after_reopening(database: Database, path: Path) -> None:
    database.change(PUT, ("a", "1"))
    database.close()
    again = Database.open(path)
    assert again.rows("SELECT * FROM meta") == [("a", "1")]
    again.close()


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    def change_and_fail() -> None:
        with database.transaction():
            database.change(PUT, ("a", "1"))
            with database.transaction():
                database.change(PUT, ("b", "2"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert database.rows(COUNT) == [(0,)]
    with pytest.raises(CatalogError):
        database.change_many(PUT, [("a", "1"), ("a", "again")])
    assert database.rows(COUNT) == [(0,)]


def test_ctrl_c_inside_a_transaction_leaves_nothing_of_it(database: Database) -> None:
    def change_until_ctrl_c() -> None:
        with database.transaction():
            database.change(PUT, ("a", "1"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_until_ctrl_c()
    database.change(PUT, ("b", "2"))
    assert database.rows("SELECT key FROM meta") == [("b",)]


def test_many_threads_may_use_it_at_once(database: Database) -> None:
    def work(name: int) -> None:
        for number in range(20):
            database.change(PUT, (f"{name}-{number}", "x"))
            database.rows(COUNT)

    threads = [Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.rows(COUNT) == [(160,)]


def test_a_reader_sees_what_was_before_while_another_process_writes(
    database: Database, path: Path
) -> None:
    reader = Database.open(path)
    with database.transaction():
        database.change(PUT, ("a", "1"))
        assert reader.rows(COUNT) == [(0,)]
    assert reader.rows(COUNT) == [(1,)]
    reader.close()


def test_a_writer_that_waits_too_long_says_who_is_in_the_way(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_BUSY_MS", 10)
    other = Database.open(path)
    with database.transaction(), pytest.raises(Locked, match="another process is writing"):
        other.change(PUT, ("a", "1"))
    other.close()


@pytest.mark.parametrize(
    "content", [b"no database, though long enough to be one " * 200, b"x" * 50]
)
def test_a_damaged_file_is_named_with_the_way_back(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=r"catalog\.sqlite3 is damaged .*move it away"):
        Database.open(path)


def test_damage_inside_is_found_by_check(database: Database, path: Path) -> None:
    for number in range(2000):
        database.change(PUT, (str(number), "word " * 20))
    database.check()
    database.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 20_000)
    hurt = Database.open(path)
    with pytest.raises(CatalogError, match="is damaged"):
        hurt.check()
    with pytest.raises(CatalogError, match="is damaged"):
        hurt.rows("SELECT * FROM meta ORDER BY value")
    hurt.close()


def test_a_newer_format_asks_for_an_upgrade(database: Database, path: Path) -> None:
    database.close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(CatalogError, match=r"newer assistant \(format 99.*: upgrade assistant"):
        Database.open(path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    with pytest.raises(CatalogError, match="is a database of another program"):
        Database.open(path)


def test_another_process_may_make_it_at_the_same_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragma = Database._pragma

    def slow(self: Database, name: str) -> int:
        value = pragma(self, name)
        if name == "user_version" and not value and not self._connection.in_transaction:
            monkeypatch.setattr(Database, "_pragma", pragma)
            Database.open(path).close()
        return value

    monkeypatch.setattr(Database, "_pragma", slow)
    with closing(Database.open(path)) as database:
        assert database.rows(COUNT) == [(0,)]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"data folder .*file/data cannot be made"):
        Database.open(tmp_path / "file" / "data" / "catalog.sqlite3")


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written: set another"):
        Database.open(tmp_path)


def test_a_full_disk_is_said_and_nothing_is_lost(database: Database) -> None:
    database.change(PUT, ("a", "1"))
    database.rows("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="is full, nothing is lost: make room"):
        database.change(PUT, ("b", "x" * 1_000_000))
    assert database.rows("SELECT key FROM meta") == [("a",)]


def test_an_error_of_the_disk_is_no_damage(database: Database) -> None:
    with pytest.raises(StoreError, match=r"fails \(disk I/O error\): check it"):
        raise database_module._unusable(database.path, sqlite3.OperationalError("disk I/O error"))


def test_where_nothing_can_be_written_it_is_read(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.change(PUT, ("a", "1"))
    database.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    reader = Database.open(path)
    assert reader.rows(COUNT) == [(1,)]
    with pytest.raises(StoreError, match=r"cannot be written: set another `data\.folder`"):
        reader.change(PUT, ("b", "2"))
    reader.close()


def first_version(path: Path) -> sqlite3.Connection:
    """A catalog as the first version of ours made it."""
    path.parent.mkdir(parents=True)
    raw = sqlite3.connect(path)
    for statement in STEPS[0]:
        raw.execute(statement)
    raw.execute("PRAGMA application_id = 1634956148")
    raw.execute("PRAGMA user_version = 1")
    return raw


def test_a_catalog_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    with first_version(path) as raw:
        raw.execute("INSERT INTO vectors VALUES ('me', 'aa', x'00')")
        raw.execute("INSERT INTO readings VALUES ('me', 'aa', x'01', x'02', x'03')")
        columns = "paper_id, title, abstract, year_inferred, authors, extra"
        raw.execute(f"INSERT INTO papers ({columns}) VALUES ('abc1', 'T', 'A', 0, '[]', '{{}}')")
    raw.close()
    database = Database.open(path)
    assert database.rows("PRAGMA user_version") == [(len(STEPS),)]
    assert database.rows("SELECT encoder, sha256, vector FROM vectors") == [("me", "aa", b"\0")]
    assert database.rows("SELECT * FROM readings") == [("me", "aa", b"\1", b"\2", b"\3")]
    assert database.rows("SELECT * FROM digests") == [("abc", None)]
    database.close()


def test_a_step_that_breaks_off_leaves_the_earlier_version(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_version(path).close()
    monkeypatch.setattr(database_module, "STEPS", (STEPS[0], ("CREATE TABLE new (x)", "broken")))
    with pytest.raises(StoreError):
        Database.open(path)
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (1,)
    assert raw.execute("SELECT * FROM sqlite_master WHERE name = 'new'").fetchall() == []
    raw.close()
