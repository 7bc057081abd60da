"""Both storages behave alike, and no name leads out of the directory that is served."""

from __future__ import annotations

import os

import pytest

from smbtorture_py.server.path_name import PathName, parse
from smbtorture_py.server.storage import NodeTimes, StorageError
from smbtorture_py.server.wildcards import matches
from smbtorture_py.storage.directory import DirectoryStorage
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.storage.sparse import CHUNK_SIZE
from smbtorture_py.wire.status import Status

NOW = 134_000_000_000_000_000


@pytest.fixture(params=["memory", "directory"])
def storage(request, tmp_path):
    if request.param == "memory":
        return MemoryStorage(NOW)
    served = tmp_path / "served"
    served.mkdir()
    return DirectoryStorage(str(served), NOW)


def make(storage, path, *, is_directory=False):
    return storage.create(path, is_directory=is_directory, file_attributes=0, now=NOW)


def refused(status):
    return pytest.raises(StorageError, match=status.name)


def test_content_round_trip_with_a_gap(storage) -> None:
    stream = make(storage, ("f",)).stream("")
    stream.write(CHUNK_SIZE - 3, b"abcdef")
    assert stream.size == CHUNK_SIZE + 3
    assert bytes(stream.read(CHUNK_SIZE - 4, 100)) == b"\0abcdef"
    stream.truncate(CHUNK_SIZE)
    stream.truncate(CHUNK_SIZE + 3)
    assert bytes(stream.read(CHUNK_SIZE - 3, 100)) == b"abc\0\0\0"
    stream.zero(CHUNK_SIZE - 3, 2)
    assert bytes(stream.read(CHUNK_SIZE - 3, 3)) == b"\0\0c"
    assert bytes(stream.read(CHUNK_SIZE * 2, 5)) == b""


def test_names_ignore_and_keep_case(storage) -> None:
    node = make(storage, ("Dir",), is_directory=True)
    make(storage, ("dIR", "File"))
    assert storage.spelling(("DIR", "FILE", "new")) == ("Dir", "File", "new")
    with refused(Status.OBJECT_NAME_COLLISION):
        make(storage, ("DIR", "FILE"))
    assert [entry.name for entry in storage.entries(node)] == ["File"]
    with refused(Status.DIRECTORY_NOT_EMPTY):
        storage.remove(("dir",))


def test_rename_replaces_only_when_asked_and_never_a_directory(storage) -> None:
    make(storage, ("a",)).stream("").write(0, b"a")
    make(storage, ("b",))
    make(storage, ("d",), is_directory=True)
    with refused(Status.OBJECT_NAME_COLLISION):
        storage.rename(("a",), ("B",), replace=False)
    storage.rename(("a",), ("B",), replace=True)
    assert storage.lookup(("a",)) is None
    assert bytes(storage.lookup(("b",)).stream("").read(0, 9)) == b"a"
    with refused(Status.ACCESS_DENIED):
        storage.rename(("b",), ("d",), replace=True)
    storage.rename(("b",), ("B2",), replace=False)
    assert storage.spelling(("b2",)) == ("B2",)
    with refused(Status.INVALID_PARAMETER):
        storage.rename(("d",), ("d", "e"), replace=False)


def test_a_node_without_name_stays_usable(storage) -> None:
    node = make(storage, ("f",))
    node.stream("").write(0, b"still here")
    storage.remove(("f",))
    assert storage.lookup(("f",)) is None
    assert bytes(node.stream("").read(0, 99)) == b"still here"
    node.close()


def test_times_attributes_and_the_rest(storage) -> None:
    node = make(storage, ("f",))
    node.set_times(NodeTimes(NOW + 10, NOW + 20, NOW + 30, NOW + 40))
    node.set_attributes(2)
    node.set_extended_attribute(b"Name", b"value")
    node.set_security_descriptor(b"sd")
    node.create_stream("Alt").write(0, b"12")
    again = storage.lookup(("F",))
    info = again.info()
    assert (info.creation_time, info.last_access_time) == (NOW + 10, NOW + 20)
    assert (info.last_write_time, info.change_time, info.file_attributes) == (NOW + 30, NOW + 40, 2)
    assert again.extended_attributes() == [(b"Name", b"value")]
    assert info.ea_size == 8 + 5 + 5
    assert again.security_descriptor() == b"sd"
    assert [(entry.name, entry.size) for entry in again.streams()] == [("", 0), ("Alt", 2)]
    assert bytes(again.stream("ALT").read(0, 9)) == b"12"


def test_missing_parents(storage) -> None:
    make(storage, ("f",))
    for path in (("no", "x"), ("f", "x")):
        with refused(Status.OBJECT_PATH_NOT_FOUND):
            storage.lookup(path)


def test_memory_capacity_is_a_limit_and_is_given_back() -> None:
    storage = MemoryStorage(NOW, capacity=4 * CHUNK_SIZE)
    node = make(storage, ("f",))
    with refused(Status.DISK_FULL):
        node.stream("").write(0, bytes(5 * CHUNK_SIZE))
    node.stream("").write(1 << 40, b"far away")
    assert storage.volume().free_size == 3 * CHUNK_SIZE
    storage.remove(("f",))
    node.close()
    assert storage.volume().free_size == 4 * CHUNK_SIZE


@pytest.fixture
def served(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    root = tmp_path / "served"
    root.mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "leak").symlink_to(tmp_path / "secret")
    (root / "inner").mkdir()
    (root / "loop").symlink_to(root / "inner")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(root / "fifo")
    return root


@pytest.mark.parametrize(
    "path", [("leak",), ("out",), ("out", "x"), ("loop",), ("loop", "x"), ("dangling",), ("fifo",), ("LEAK",)]
)
def test_links_and_special_files_are_not_served(served, path) -> None:
    storage = DirectoryStorage(str(served), NOW)
    with refused(Status.ACCESS_DENIED):
        storage.lookup(path)
    with pytest.raises(StorageError):
        make(storage, path)
    assert not (served.parent / "nothing").exists()
    assert not list((served.parent / "outside").iterdir())
    root = storage.lookup(())
    assert [entry.name for entry in storage.entries(root)] == ["inner"]


def test_rename_and_link_do_not_follow_links(served) -> None:
    storage = DirectoryStorage(str(served), NOW)
    make(storage, ("f",))
    for target in (("out", "f"), ("leak",)):
        with refused(Status.ACCESS_DENIED):
            storage.rename(("f",), target, replace=True)
        with refused(Status.ACCESS_DENIED):
            storage.link(("f",), target, replace=True)
    assert (served.parent / "secret").read_text() == "secret"


def test_a_directory_that_becomes_a_link_while_open_leads_nowhere(served) -> None:
    storage = DirectoryStorage(str(served), NOW)
    assert storage.lookup(("inner",)) is not None
    (served / "inner").rmdir()
    (served / "inner").symlink_to(served.parent / "outside")
    with refused(Status.ACCESS_DENIED):
        make(storage, ("inner", "x"))


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("..", Status.OBJECT_NAME_INVALID),
        ("a\\..", Status.OBJECT_NAME_INVALID),
        (".", Status.OBJECT_NAME_INVALID),
        ("\\a", Status.INVALID_PARAMETER),
        ("/etc/passwd", Status.OBJECT_NAME_INVALID),
        ("a\0b", Status.OBJECT_NAME_INVALID),
        ("a:b\\c", Status.OBJECT_NAME_INVALID),
        ("..:s", Status.OBJECT_NAME_INVALID),
        ("a:..\\..", Status.OBJECT_NAME_INVALID),
        ("a:/x", Status.OBJECT_NAME_INVALID),
        ("a::$BOGUS", Status.OBJECT_NAME_INVALID),
        ("x" * 256, Status.OBJECT_NAME_INVALID),
        ("\U0001f600" * 128, Status.OBJECT_NAME_INVALID),
        ("a\\" * 17000, Status.OBJECT_NAME_INVALID),
    ],
)
def test_names_that_are_no_paths(name, status) -> None:
    with refused(status):
        parse(name)


def test_names_that_are_paths() -> None:
    assert parse("") == PathName(())
    assert parse("a\\b:s:$data") == PathName(("a", "b"), "s", names_data=True)
    assert parse("a\\") == PathName(("a",), names_directory=True)
    assert parse("a::$INDEX_ALLOCATION") == PathName(("a",), names_directory=True)
    assert parse("...") == PathName(("...",))


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "anything", True),
        ("*.txt", "A.TXT", True),
        ("*.txt", "a.txt.bak", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("<.txt", "a.b.txt", True),
        ("<", "a", True),
        ("<", "a.b", False),
        (">>>>>>.txt", "abc.txt", True),
        (">>", "abc", False),
        ('a"', "a", True),
        ('a"b', "a.b", True),
        ("a", "ab", False),
        ("*a*a*a*a*a*a*a*a*b", "a" * 200, False),
    ],
)
def test_wildcards(pattern, name, expected) -> None:
    assert matches(pattern, name) is expected
