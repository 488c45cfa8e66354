import errno
import pickle

import aiohttp
import pytest

from motionlens._utils import remote_files
from motionlens._utils.remote_files import StoreError, as_found, ask


class AnswerError(Exception):
    def __init__(self, status):
        self.status = status


class Response(Exception):  # noqa: N818 - as botocore has it
    def __init__(self, status):
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.fixture
def asked(monkeypatch):
    """Asks once more for each of some errors; returns how often it did, and what came of it."""
    waits = []
    monkeypatch.setattr(remote_files.time, "sleep", waits.append)

    def ask_all(*errors):
        left = list(errors)

        def question(system, path):
            if left:
                raise left.pop(0)
            return path

        found = ask("https://host/a", question)
        return len(waits), found

    ask_all.waits = waits
    return ask_all


@pytest.mark.parametrize(
    "error",
    [
        AnswerError(503),
        AnswerError(429),
        Response(503),
        ConnectionResetError(),
        TimeoutError(),
        OSError(errno.EBUSY, "SlowDown"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_is_asked_again(asked, error):
    assert asked(error, error) == (2, "https://host/a")
    assert asked.waits[0] < asked.waits[1]


def test_what_never_passes_ends(asked):
    with pytest.raises(StoreError, match="breaks off, 7 times in a row") as caught:
        asked(*[ConnectionResetError()] * 20)
    assert caught.value.filename == "https://host/a"
    assert 7 < sum(asked.waits) < 16


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AnswerError(403), "refuses access"),
        (Response(401), "refuses access"),
        (PermissionError("AKIASECRET"), "refuses access"),
        (AnswerError(400), "the server answers 400"),
        (KeyError("AKIASECRET"), "cannot be read .KeyError"),
    ],
)
def test_what_does_not_pass_is_not_asked_again(asked, error, kind):
    with pytest.raises(StoreError, match=kind) as caught:
        asked(error)
    assert asked.waits == []
    assert "AKIASECRET" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_nothing_there(asked):
    for error in (FileNotFoundError(), AnswerError(404)):
        with pytest.raises(FileNotFoundError):
            asked(error)
    # As the file system of the web says of any error.
    hidden = FileNotFoundError()
    hidden.__cause__ = ConnectionResetError()
    assert asked(hidden) == (1, "https://host/a")


def test_a_full_disk_is_no_error_of_the_store(asked):
    with pytest.raises(OSError, match="full") as caught:
        asked(OSError(errno.ENOSPC, "full"))
    assert not isinstance(caught.value, StoreError)


def test_its_errors_reach_other_processes():
    error = StoreError(13, "refuses", "s3://a/b")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "s3://a/b: refuses"


def test_versions():
    listed = {"type": "file", "size": 3, "ETag": '"1"', "LastModified": "12:00:00.5"}
    asked_for = {"type": "file", "size": 3, "ETag": '"1"', "LastModified": "12:00:00"}
    assert as_found(listed) == as_found(asked_for)
    assert as_found({"type": "directory", "size": 0}).is_folder
    assert as_found({"type": "file", "size": 3}).version == ""


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setitem(remote_files.PROTOCOLS, "gs", ("no_such_package", "gs"))
    remote_files._file_system.cache_clear()
    with pytest.raises(ImportError, match=r"is needed here and not installed: .*\[gs\]"):
        remote_files.find("gs://bucket/a")
