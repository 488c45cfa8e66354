"""Uploads that crash, hang or outlive their clients, and servers that are killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fastapi.testclient import TestClient

from export_cards import small_recognizer
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.serving import service
from motionlens.serving.app import create_app
from motionlens.serving.config import ServingConfig
from motionlens.serving.decoding import Decoder, Upload
from motionlens.serving.upload_folder import upload_folder
from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits
from odd_decoder import OddDecoder

NETWORK = {"widths": [4, 8, 8, 8], "modules": {"res3": 1}, "k": 2}


@pytest.fixture
def odd(monkeypatch):
    """Servers decode only until an upload's content tells them to do something else."""
    monkeypatch.setattr(service, "Decoder", OddDecoder)


def ask(client, path, extra=b""):
    return client.post("/predict", files={"file": (path.name, path.read_bytes() + extra)})


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (b"CRASH", "static.mp4: its decoder crashed; it is damaged, try a player"),
        (b"HANG", "static.mp4: its decoder did not end within 2 s; send a shorter or smaller"),
        (b"FILL", "static.mp4: takes more memory than a server lends to one upload; send small"),
    ],
)
def test_an_upload_that_hurts_is_refused_and_the_next_is_answered(
    odd, recognizer, clips, extra, message
):
    config = ServingConfig(decode_threads=1, decode_seconds=2, decode_megabytes=1000)
    with TestClient(create_app(recognizer, config)) as client:
        good = ask(client, clips["static"])
        answer = ask(client, clips["static"], extra)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(message)
        assert ask(client, clips["static"]).json() == good.json()


def test_a_client_that_leaves_ends_its_decoding(odd, recognizer, clips, serve):
    import httpx2

    app = create_app(recognizer, ServingConfig(decode_threads=1))
    content = clips["static"].read_bytes()

    async def leave_and_ask(address):
        async with httpx2.AsyncClient(base_url=address, timeout=60) as client:
            for _ in range(3):
                files = {"file": ("a.mp4", content + b"HANG")}
                with pytest.raises(httpx2.ReadTimeout):
                    await client.post("/predict", files=files, timeout=1)
            answer = await client.post("/predict", files={"file": ("a.mp4", content)})
            return answer, (await client.get("/metrics")).text

    with serve(app) as address:
        # One process would be busy for a minute otherwise.
        answer, metrics = asyncio.run(asyncio.wait_for(leave_and_ask(address), 50))
        assert list(app.state.service.folder.glob("upload-*")) == []
    assert answer.status_code == 200
    assert 'requests_total{method="POST",path="/predict",status="499"} 3.0' in metrics


def test_memory_that_lacks_is_told_of(tmp_path, monkeypatch):
    def fill(*_, **__):
        raise MemoryError

    monkeypatch.setattr("motionlens.serving.decoding.open_video", fill)
    decode = Decoder(Sampling(4), Preprocessing(32, 32), Limits())
    with pytest.raises(VideoError, match="x.mp4: takes more memory than"):
        decode(Upload(tmp_path / "x.mp4"))


def test_folders_of_killed_servers_are_swept_and_others_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "motionlens-serve-left"
    left.mkdir()
    (left / ".lock").touch()
    (left / "upload-1").write_bytes(b"x")
    other = tmp_path / "another"
    other.mkdir()
    (tmp_path / "motionlens-serve-link").symlink_to(other)
    with upload_folder() as first, upload_folder() as second:
        assert not left.exists()
        assert first.is_dir()
        assert second.is_dir()
    assert other.is_dir()
    assert not first.exists()


SERVER = """
import sys, time
from motionlens.serving import service
from odd_decoder import OddDecoder
service.Decoder = OddDecoder
explain_frames = service.explain_frames
def explain_slowly(*args, **options):
    print("explains", flush=True)
    time.sleep(8)
    return explain_frames(*args, **options)
service.explain_frames = explain_slowly
from motionlens.serving.server import serve
if __name__ == "__main__":
    serve(sys.argv[1], port=0, device="cpu", say=lambda line: print(line, flush=True))
"""


@contextlib.contextmanager
def running(tmp_path):
    """A server that decodes an upload for a minute; its address and the ids of its processes."""
    run, script, temporary = tmp_path / "run", tmp_path / "server.py", tmp_path / "temporary"
    small_recognizer("cpnet_nano", NETWORK, size=32).save_pretrained(run)
    script.write_text(SERVER)
    temporary.mkdir(exist_ok=True)
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": path}
    command = [sys.executable, script, run]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process, process.stdout, temporary
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_no_process_and_no_upload_outlives_a_server(kind, tmp_path, clips):
    with running(tmp_path) as (process, lines, temporary):
        address = next(line for line in lines if "http://" in line).split()[4]
        content = clips["static"].read_bytes() + b"HOLD"
        with subprocess.Popen(
            [sys.executable, "-c", _SEND, f"{address}predict"], stdin=subprocess.PIPE
        ) as client:
            client.stdin.write(content)
            client.stdin.close()
            wait_for(lambda: any(map(is_busy, descendants(process.pid))))
            assert list(temporary.glob("motionlens-serve-*/upload-*"))
            processes = descendants(process.pid)
            process.send_signal(kind)
            process.wait(timeout=60)
            wait_for(lambda: not any(map(is_alive, processes)))
        assert process.stderr.read() == ""
    left = list(temporary.glob("motionlens-serve-*"))
    assert bool(left) == (kind == signal.SIGKILL)
    with running_here(temporary):
        assert not any(folder.exists() for folder in left)


@pytest.mark.slow
def test_a_server_that_is_ended_during_an_explanation_says_so_and_logs_nothing(tmp_path, clips):
    with running(tmp_path) as (process, lines, _):
        address = next(line for line in lines if "http://" in line).split()[4]
        with subprocess.Popen(
            [sys.executable, "-c", _SEND, f"{address}explain"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            client.stdin.write(clips["static"].read_bytes())
            client.stdin.close()
            assert next(lines) == "explains\n"
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            assert client.stdout.read() == b'503 {"error":"the server ends; try again later"}'
        assert process.stderr.read() == ""


_SEND = """
import sys, uuid, urllib.error, urllib.request
mark = uuid.uuid4().hex
body = (
    f'--{mark}\\r\\nContent-Disposition: form-data; name="file"; filename="a.mp4"\\r\\n\\r\\n'
).encode() + sys.stdin.buffer.read() + f"\\r\\n--{mark}--\\r\\n".encode()
request = urllib.request.Request(sys.argv[1], body)
request.add_header("Content-Type", f"multipart/form-data; boundary={mark}")
try:
    urllib.request.urlopen(request, timeout=100)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode(), end="")
except OSError:
    pass
"""


@contextlib.contextmanager
def running_here(temporary):
    """Sweep as a server does at its start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temporary))
        with upload_folder():
            yield


def wait_for(condition):
    for _ in range(6000):  # a minute, for busy machines
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def stat(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def is_alive(pid):
    found = stat(pid)
    return found is not None and found[0] != "Z"


def is_busy(pid):
    """Whether a process is within the decoding that never ends."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip() == "holding"
    except OSError:
        return False


def descendants(pid):
    """The processes that a process has started, and those that they have."""
    parents = {int(p): stat(p) for p in os.listdir("/proc") if p.isdecimal()}
    found = [pid]
    for one in found:
        found += [p for p, s in parents.items() if s is not None and int(s[1]) == one]
    return found[1:]


def test_frames_come_back_as_they_were_decoded(clips):
    sampling, preprocessing = Sampling(4, 2), Preprocessing(16, 24)
    decode = Decoder(sampling, preprocessing, Limits())
    whole = decode(Upload(clips["static"], is_whole=True))
    cropped = decode(Upload(clips["static"]))
    assert whole.data.shape == (4, 3, 32, 32)
    assert whole.numbers.tolist() == [0, 2, 4, 6]
    np.testing.assert_array_equal(cropped.data, preprocessing.crop(whole.frames.data).numpy())
