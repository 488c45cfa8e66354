import pickle
from pathlib import Path

import pytest

from motionlens._utils.addresses import (
    Address,
    absolute,
    as_path,
    check_below,
    is_address,
    join,
    on_this_machine,
)


def test_an_address_is_a_path():
    path = as_path("s3://bucket/a b/c.mp4")
    assert isinstance(path, Path)
    assert str(path) == f"{path}" == path.__fspath__() == "s3://bucket/a b/c.mp4"
    assert (path.name, path.suffix, str(path.parent)) == ("c.mp4", ".mp4", "s3://bucket/a b")
    assert str(path.with_suffix(".npz")) == "s3://bucket/a b/c.npz"
    assert str(path.relative_to(as_path("s3://bucket"))) == "a b/c.mp4"
    assert pickle.loads(pickle.dumps(path)) == path == as_path(path)
    assert type(path.parent / "x") is Address
    assert repr(path) == "Address('s3://bucket/a b/c.mp4')"


def test_one_that_pathlib_has_seen():
    assert str(as_path(Path("s3://bucket/x"))) == "s3://bucket/x"
    assert str(as_path("https://host:8080/x?version=2")) == "https://host:8080/x?version=2"


@pytest.mark.parametrize("path", ["a/b.mp4", "/a/b", "s3/b", "C:\\a\\b", "a:b", "hf:model"])
def test_paths_of_this_machine(path):
    assert not is_address(path)
    assert type(as_path(path)) is type(Path())


@pytest.mark.parametrize(
    "path", ["file:///a", "ftp://a/b", "zip::s3://a/b", "simplecache::https://a/b", "S3://a/b",
             "local://a", "memory://a", "reference://a", "github://a:b@c/d"],
)  # fmt: skip
def test_other_protocols_are_refused(path):
    with pytest.raises(ValueError, match="is not read"):
        as_path(path)


@pytest.mark.parametrize(
    "path", ["s3://key:SECRET@bucket/a", "https://user:SECRET@host/a", "https://SECRET@host/a",
             "https://h/a.mp4?X-Amz-Signature=SECRET", "https://h/a?x=1&access_token=SECRET",
             "https://h/a?sv=1&sig=SECRET", "s3:/key:SECRET@bucket/a"],
)  # fmt: skip
def test_secrets_are_refused_and_not_repeated(path):
    with pytest.raises(ValueError, match="must hold no key, password or signature") as caught:
        as_path(path)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["s3://b/../c", "https://h/a/%2e%2e/c", "s3://b/a/..", "s3://b/a\\..\\c"]
)
def test_upwards_is_refused(path):
    with pytest.raises(ValueError, match="must not lead upwards"):
        as_path(path)


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = as_path("s3://bucket/x")
    for write in (path.mkdir, path.unlink, path.touch, lambda: path.write_text("x")):
        with pytest.raises(OSError, match="nothing is written to addresses"):
            write()
    with pytest.raises(OSError, match="nothing is written to addresses"):
        path.open("wb")
    assert list(tmp_path.iterdir()) == []


def test_joined():
    root = as_path("s3://bucket/clips")
    assert str(join(root, "a.mp4")) == "s3://bucket/clips/a.mp4"
    assert str(join(Path("clips"), "s3://bucket/a.mp4")) == "s3://bucket/a.mp4"
    assert join(Path("clips"), "/a.mp4") == Path("/a.mp4")
    assert absolute("s3://b/a") == "s3://b/a"
    assert Path(absolute("a")).is_absolute()


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("s3://b/clips", "/etc/passwd"),
        ("s3://b/clips", "s3://b/other/a.mp4"),
        ("s3://b/clips", "s3://b/clips2/a.mp4"),
        ("s3://b/clips", "s3://c/clips/a.mp4"),
        ("s3://b/clips", "gs://b/clips/a.mp4"),
        ("s3://b/clips", "../a.mp4"),
        ("s3://b/clips", "a/../../a.mp4"),
        ("clips", "s3://b/a.mp4"),
        ("clips", "file:///etc/passwd"),
        ("https://h/a", "http://h/a/b.mp4"),
    ],
)
def test_outside(root, path):
    with pytest.raises(ValueError, match="outside of|upwards|is not read"):
        check_below(as_path(root), path)


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("s3://b/clips", "a/b.mp4"),
        ("s3://b/clips", "s3://b/clips/a/b.mp4"),
        ("s3://b", "s3://b/a.mp4"),
        ("clips", "../a.mp4"),
        ("clips", "/a.mp4"),
    ],
)
def test_below(root, path):
    check_below(as_path(root), path)


def test_a_file_of_this_machine_is_where_it_is(tmp_path):
    with on_this_machine(tmp_path / "x") as path:
        assert path == tmp_path / "x"
