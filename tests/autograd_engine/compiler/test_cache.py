"""Kernels on disk: who may have written them, and what happens where they cannot be used."""

import os
import threading
import warnings
from pathlib import Path

import pytest

from autograd_engine import jit
from autograd_engine.compiler.llvm import cache, native

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setattr(cache, "_warned", threading.Event())
    return tmp_path / "kernels"


@pytest.fixture
def compilations(monkeypatch):
    """What was compiled since this list was emptied."""
    made, compile_module = [], native._object
    monkeypatch.setattr(native, "_object", lambda *args: made.append(1) or compile_module(*args))
    return made


def call():
    assert jit(lambda x: x + 41.5)(1.0) == 42.5


def mode(path):
    return path.lstat().st_mode & 0o7777


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_what_lies_in_the_cache_is_the_user_s_alone(folder, monkeypatch, compilations, umask):
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", str(folder / "deeper" / "still"))
    before = os.umask(umask)
    try:
        call()
    finally:
        os.umask(before)
    made = [folder, *folder.rglob("*")]
    assert len(made) == 5  # three folders, the key, an entry
    assert {mode(path) for path in made if path.is_dir()} == {0o700}
    assert {mode(path) for path in made if path.is_file()} == {0o600}
    call()
    assert len(compilations) == 1


def entry(folder):
    [path] = folder.glob("*.kernel")
    return path


def linked_elsewhere(path):
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


@pytest.mark.parametrize(
    "opened",
    [
        lambda folder: folder.chmod(0o770),
        lambda folder: folder.chmod(0o707),
        lambda folder: folder.parent.chmod(0o777),
        lambda folder: entry(folder).chmod(0o660),
        lambda folder: entry(folder).chmod(0o602),
        lambda folder: linked_elsewhere(entry(folder)),
        lambda folder: (folder / "key").chmod(0o606),
        lambda folder: linked_elsewhere(folder / "key"),
    ],
)
def test_what_others_could_have_written_is_ignored_with_one_warning(folder, compilations, opened):
    call()
    opened(folder)
    cache._reached.cache_clear()
    compilations.clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
        jit(lambda x: x + 43.5)(1.0)
    [warning] = told
    assert str(warning.message).startswith("compiled functions are not read from the cache, since /")
    assert len(compilations) == 2


def test_what_belongs_to_others_is_ignored(folder, compilations, monkeypatch):
    call()
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    cache._reached.cache_clear()
    with pytest.warns(RuntimeWarning, match="belongs to another user; AUTOGRAD_ENGINE_CACHE names another folder"):
        call()
    assert len(compilations) == 2


def test_an_entry_that_others_could_have_written_is_replaced_and_its_link_not_followed(folder, compilations):
    call()
    path = entry(folder)
    linked_elsewhere(path)
    path.with_suffix(".moved").write_bytes(b"precious")
    with pytest.warns(RuntimeWarning, match="is a symbolic link"):
        call()
    assert path.with_suffix(".moved").read_bytes() == b"precious"
    call()
    assert len(compilations) == 2


def test_folders_in_which_everybody_may_make_files_of_their_own_are_on_the_way(folder, compilations):
    folder.parent.chmod(0o1777)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call()
        call()
    assert len(compilations) == 1


def test_a_link_of_the_user_s_own_leads_to_the_cache(folder, compilations):
    call()
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))
    cache._reached.cache_clear()
    call()
    assert len(compilations) == 1


def test_the_warning_stops_no_computation(folder):
    folder.mkdir()
    folder.chmod(0o777)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call()
    assert not any(folder.iterdir())


@pytest.mark.parametrize("key", [b"", b"x" * 31, b"x" * 32])
def test_entries_that_were_signed_by_another_key_are_made_anew(folder, compilations, key):
    call()
    (folder / "key").write_bytes(key)
    call()
    call()
    assert len(compilations) == 2
    assert len((folder / "key").read_bytes()) == 32


def test_the_oldest_entries_go_and_are_looked_for_now_and_then(folder, monkeypatch):
    looked_at = []
    monkeypatch.setattr(cache, "MOST_ENTRIES", 100)
    monkeypatch.setattr(cache.os.path, "getmtime", lambda path: looked_at.append(path) or int(path.stem))
    for number in range(300):
        cache.write(str(number), [])
        kept = sorted(int(path.stem) for path in folder.glob("*.kernel"))
        assert len(kept) <= 100
        assert kept[-90:] == list(range(number + 1))[-90:]
    assert len(looked_at) < 10 * 300


def test_an_entry_counts_under_its_own_name_only(folder, compilations):
    call()
    call_of_another = jit(lambda x: x * 41.5)
    first = entry(folder)
    assert call_of_another(2.0) == 83
    [second] = set(folder.glob("*.kernel")) - {first}
    second.write_bytes(first.read_bytes())
    assert jit(lambda x: x * 41.5)(2.0) == 83
    assert len(compilations) == 3


@pytest.mark.parametrize("objects", [[], [b"no object code"]])
def test_an_entry_that_cannot_be_linked_is_made_anew(folder, compilations, objects, capfd):
    call()
    cache.write(entry(folder).stem, objects)
    call()
    call()
    assert len(compilations) == 2
    assert capfd.readouterr() == ("", "")


def test_the_key_is_made_once_and_read_again_for_every_entry(folder, compilations):
    call()
    key = (folder / "key").read_bytes()
    (folder / "key").write_bytes(bytes(32))  # another process made its own at the same time
    jit(lambda x: x + 44.5)(1.0)
    jit(lambda x: x + 44.5)(1.0)
    assert len(compilations) == 2
    assert (folder / "key").read_bytes() == bytes(32) != key


@pytest.mark.parametrize("setting", ["", "relative", "./relative"])
def test_a_relative_cache_home_is_none(tmp_path, monkeypatch, setting):
    monkeypatch.delenv("AUTOGRAD_ENGINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    call()
    assert not any(Path().iterdir())
    assert len([*(tmp_path / "home" / ".cache" / "autograd_engine").glob("*.kernel")]) == 1
    monkeypatch.setenv("HOME", "relative")
    call()
    assert not any(Path().iterdir())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "absolute"))
    call()
    assert len([*(tmp_path / "absolute" / "autograd_engine").glob("*.kernel")]) == 1
