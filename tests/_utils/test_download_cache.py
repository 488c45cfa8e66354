import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from motionlens._utils.download_cache import DownloadCache, NoRoomError


def writing(content):
    """What fetches a file of this content, and counts how often it does."""

    def fetch(path):
        fetch.count += 1
        path.write_bytes(content)

    fetch.count = 0
    return fetch


def total(folder):
    sizes = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            # Once it is whole, a file has another name, which may be met too.
            is_counted = path.name[0] != "." and path.suffix not in (".part", ".claim")
            sizes += path.stat().st_size if is_counted else 0
    return sizes


def test_a_file_is_fetched_once(tmp_path):
    cache, fetch = DownloadCache(tmp_path / "cache", 1000), writing(b"content")
    for _ in range(2):
        with cache.open("s3://b/a.mp4", 7, fetch) as file:
            assert file.read() == b"content"
            assert file.name.endswith(".mp4")
    assert fetch.count == 1
    with cache.open("another version s3://b/a.mp4", 7, fetch):
        assert fetch.count == 2


def test_the_one_not_used_for_longest_makes_room(tmp_path):
    cache = DownloadCache(tmp_path, 100)
    for number, name in enumerate("abc"):
        with cache.open(name, 30, writing(b"." * 30)) as file:
            os.utime(file.name, (number + 1, number + 1))
    cache.open("a", 30, writing(b"")).close()  # used again
    cache.open("d", 30, writing(b"." * 30)).close()
    assert total(tmp_path) <= 100
    assert cache.find("b") is None
    for name in "ad":
        with cache.find(name) as file:
            assert len(file.read()) == 30


def test_files_in_use_stay(tmp_path):
    cache = DownloadCache(tmp_path, 100)
    with cache.open("a", 60, writing(b"a" * 60)) as file:
        with pytest.raises(NoRoomError, match="full of files in use; raise MOTIONLENS_CACHE_GB"):
            cache.open("b", 60, writing(b"b" * 60), patience_s=0)
        assert file.read() == b"a" * 60
        assert os.path.exists(file.name)
    cache.open("b", 60, writing(b"b" * 60), patience_s=0).close()
    assert cache.find("a") is None


def test_one_that_is_larger_than_the_cache(tmp_path):
    with pytest.raises(NoRoomError, match="has 2e-07 GB, more than the cache in .* has 1e-07"):
        DownloadCache(tmp_path, 100).open("a", 200, writing(b""))


def test_a_fetch_that_fails_leaves_nothing(tmp_path):
    def fail(path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    cache = DownloadCache(tmp_path, 100)
    with pytest.raises(KeyboardInterrupt):
        cache.open("a", 60, fail)
    assert total(tmp_path) == 0
    cache.open("a", 90, writing(b"a" * 90), patience_s=0).close()


def test_what_a_killed_process_left_goes(tmp_path):
    cache = DownloadCache(tmp_path, 100)
    (tmp_path / "0123.mp4.80.part").write_bytes(b"half")
    (tmp_path / "0123.mp4.claim").touch()
    cache.open("a", 60, writing(b"a" * 60), patience_s=0).close()
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".part", ".claim")] == []


def test_threads_fetch_a_file_once(tmp_path):
    cache, fetch = DownloadCache(tmp_path, 100), writing(b"a" * 50)
    contents = []

    def read():
        with cache.open("a", 50, fetch) as file:
            contents.append(file.read())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents == [b"a" * 50] * 8
    assert fetch.count == 1


WORK = """
import random, sys
from pathlib import Path
from motionlens._utils.download_cache import DownloadCache
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
cache = DownloadCache(folder, 1000)
for _ in range(150):
    number = random.randrange(20)
    content = bytes([number]) * (100 + number)
    with cache.open(f"{number}", len(content), lambda path: path.write_bytes(content)) as file:
        assert file.read() == content
"""


def test_processes_share_it_within_its_limit(tmp_path):
    command = [sys.executable, "-c", WORK, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE) for n in range(3)]
    # What is removed while it is looked at can only make the sum too small.
    while any(process.poll() is None for process in processes):
        assert total(tmp_path) <= 1000
    assert [process.communicate()[1] for process in processes] == [b""] * 3


@pytest.mark.parametrize("size", ["0", "much", "nan", "-1"])
def test_a_size_that_is_none(monkeypatch, size):
    monkeypatch.setenv("MOTIONLENS_CACHE_GB", size)
    with pytest.raises(ValueError, match="MOTIONLENS_CACHE_GB must be a number of gigabytes"):
        DownloadCache.of_environment()


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTIONLENS_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("MOTIONLENS_CACHE_GB", "2.5")
    assert DownloadCache.of_environment() == DownloadCache(tmp_path / "own", 2_500_000_000)
