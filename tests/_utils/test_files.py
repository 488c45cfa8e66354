import os
import stat
import zipfile

import pytest

from motionlens._utils.files import (
    check_expansion,
    check_file,
    check_writable,
    parse_json,
    write_atomically,
)


def test_a_new_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"1"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_check_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=f"out must be a folder that can be written, {path}"):
            check_writable(path)


def test_a_place_that_cannot_be_written():
    with pytest.raises(ValueError, match="results must be a folder that can be written, /proc/x"):
        check_writable("/proc/x", "results")


def test_json_that_is_nested_too_deeply():
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 100_000 + "]" * 100_000)


def test_archives_that_expand(tmp_path):
    for name, compression in (("stored", zipfile.ZIP_STORED), ("packed", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(tmp_path / name, "w", compression) as archive:
            archive.writestr("a", bytes(1_000_000))
    check_expansion(tmp_path / "stored")
    with pytest.raises(ValueError, match="expands to 1,000,000 bytes"):
        check_expansion(tmp_path / "packed")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_a_device_stays_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="it must be a file, it is a folder, a pipe or a device"):
            write_atomically(tmp_path / name, b"x")
        with pytest.raises(ValueError, match=f"sheet must be a file, .*{name} is a folder, a pipe"):
            check_file(tmp_path / name, "sheet")
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "link"}
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_what_is_read_is_not_replaced(tmp_path):
    (tmp_path / "frames").mkdir()
    inside = tmp_path / "frames" / "1.png"
    inside.touch()
    (tmp_path / "link.png").symlink_to(inside)
    for path in (inside, tmp_path / "link.png", tmp_path / "frames" / ".." / "frames" / "1.png"):
        for read in (inside, tmp_path / "frames", tmp_path):
            with pytest.raises(ValueError, match="out must be another file than what is read"):
                check_file(path, inputs=[read])
    check_file(inside, inputs=[tmp_path / "other"])
    check_file(tmp_path / "frames" / "2.png", inputs=[tmp_path / "frames"])
