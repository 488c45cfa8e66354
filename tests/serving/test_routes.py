import asyncio
import base64
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from conftest import write_frames
from export_cards import small_recognizer
from motionlens.inference.recognizer import Recognizer
from motionlens.serving.app import create_app
from motionlens.serving.config import ServingConfig
from motionlens.serving.metrics import Metrics
from motionlens.serving.schemas import ExplanationAnswer, ModelAnswer, PredictionAnswer
from motionlens.serving.service import Service
from motionlens.video.file import open_video


@pytest.fixture(scope="module")
def client(recognizer):
    with TestClient(create_app(recognizer)) as client:
        yield client


def upload(path, name=None):
    return {"file": (name or path.name, path.read_bytes())}


def assert_same_prediction(answer, prediction):
    assert [entry["label"] for entry in answer["predictions"]] == list(prediction.labels)
    found = [entry["probability"] for entry in answer["predictions"]]
    np.testing.assert_allclose(found, prediction.probabilities, atol=1e-6)


def test_predict_answers_what_the_recognizer_says(client, recognizer, clips):
    for path in clips.values():
        answer = client.post("/predict", files=upload(path), data={"top": 2})
        assert answer.status_code == 200
        found = PredictionAnswer.model_validate(answer.json())
        assert found.path == path.name
        assert_same_prediction(answer.json(), recognizer.predict(path, top=2))


@pytest.mark.parametrize(
    "name",
    [
        "clips/torchcodec_nasa_13013.mp4",
        "clips/torchcodec_testsrc2_vp9.webm",  # with many exact ties
        "realmotion7/videos/224.mp4",  # with near ties
    ],
)
def test_real_clips_have_the_probabilities_of_prediction(bundled_client, test_data, name):
    client, bundled = bundled_client
    path = test_data / "data" / name
    expected = bundled.predict(path, top=99)
    answer = client.post("/predict", files=upload(path), data={"top": 99}).json()
    assert_same_prediction(answer, expected)
    explanation = client.post("/explain", files=upload(path), data={"top": 1}).json()
    assert_same_prediction(explanation, expected)


@pytest.fixture(scope="module")
def bundled_client():
    bundled = Recognizer.from_pretrained()
    with TestClient(create_app(bundled)) as client:
        yield client, bundled


def test_explain_answers_what_the_recognizer_says(client, recognizer, clips):
    path = clips["move_left"]
    answer = client.post("/explain", files=upload(path)).json()
    ExplanationAnswer.model_validate(answer)
    pictures = answer.pop("pictures")
    expected = recognizer.explain(path)
    assert answer == json.loads(json.dumps({**expected.to_dict(), "path": path.name}))
    # Frames as small as these come as they are.
    assert len(pictures) == 4
    for address, frame in zip(pictures, expected.frames, strict=True):
        head, data = address.split(",")
        assert head == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            np.testing.assert_array_equal(np.asarray(picture), frame)


def test_explain_takes_another_k_and_fewer_positions(client, recognizer, clips):
    path = clips["static"]
    form = {"k": 3, "top": 5, "pictures": "false"}
    answer = client.post("/explain", files=upload(path), data=form).json()
    assert answer["pictures"] is None
    expected = recognizer.explain(path, k=3).to_dict(top=5)
    assert answer["modules"] == json.loads(json.dumps(expected["modules"]))
    assert [module["k"] for module in answer["modules"]] == [3, 3]


def test_a_k_that_asks_for_too_much_is_refused_before_it_is_computed(recognizer, clips):
    # 4 frames of 8x8 and 4x4 positions.
    config = ServingConfig(max_proposals=320 * 5)
    with TestClient(create_app(recognizer, config)) as client:
        path = clips["static"]
        answer = client.post("/explain", files=upload(path), data={"k": 6, "top": 1})
        assert_refused(answer, 422, "^k must be at most 5 here, got 6: .* 1600 proposals, of 320 ")
        answer = client.post("/explain", files=upload(path), data={"k": 5})
        assert [module["k"] for module in answer.json()["modules"]] == [5, 5]
        assert client.get("/model").json()["limits"]["max_proposals"] == 1600
    # What the recognizer does by itself is answered.
    with TestClient(create_app(recognizer, ServingConfig(max_proposals=1))) as client:
        assert client.post("/explain", files=upload(path)).status_code == 200
        assert client.post("/explain", files=upload(path), data={"k": 2}).status_code == 200
        assert client.post("/explain", files=upload(path), data={"k": 3}).status_code == 422


def test_an_explanation_comes_in_pieces_between_which_others_are_answered(
    recognizer, clips, monkeypatch
):
    pieces, turns = [], []

    async def explain_and_count():
        service = Service(recognizer, ServingConfig(), Metrics())
        try:
            with clips["static"].open("rb") as file:
                answer = await service.explain(file, "a", k=40, top=None, pictures=True)
            other = asyncio.ensure_future(count_turns())
            async for piece in answer:
                pieces.append(piece)
            other.cancel()
        finally:
            service.close()

    async def count_turns():
        while True:
            turns.append(len(pieces))
            await asyncio.sleep(0)

    asyncio.run(explain_and_count())
    text = "".join(pieces)
    assert json.loads(text)["modules"] == json.loads(
        json.dumps(recognizer.explain(clips["static"], k=40).to_dict()["modules"])
    )
    assert len(pieces) > 20
    assert max(map(len, pieces)) < len(text) / 10
    assert len(set(turns)) >= len(pieces) - 2


def test_large_frames_come_as_small_jpeg_pictures(recognizer, tmp_path):
    frames = np.zeros((8, 200, 400, 3), np.uint8)
    path = write_frames(tmp_path / "wide.mp4", frames)
    with TestClient(create_app(recognizer, ServingConfig(picture_px=320))) as client:
        answer = client.post("/explain", files=upload(path)).json()
    assert (answer["frames"]["height"], answer["frames"]["width"]) == (200, 400)
    head, data = answer["pictures"][0].split(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (320, 160)


def test_pictures_of_a_camera_are_recognized_like_the_video(client, recognizer, clips):
    path = clips["move_right"]
    with open_video(path) as reader:
        frames = reader.read([0, 2, 4, 6]).data.permute(0, 2, 3, 1).numpy()
    files = [("files", (f"{i}.png", png(frame))) for i, frame in enumerate(frames)]
    answer = client.post("/predict/pictures", files=files, data={"top": 3})
    assert answer.status_code == 200
    # 8 frames at stride 2: the clip in the middle begins with the first.
    assert_same_prediction(answer.json(), recognizer.predict(path, top=3))


def png(frame):
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([(8, 8)] * 3, "pictures must be 4, the frames of one clip, got 3"),
        ([(8, 8)] * 3 + [(8, 9)], "must be of one size, the first is 8x8 and number 3 9x8"),
        ([(1000, 1001)] * 4, "picture 0: frames must have at most 1 megapixels, .* 1001x1000"),
    ],
)
def test_pictures_that_make_no_clip_are_refused(recognizer, sizes, message):
    files = [("files", ("a.png", png(np.zeros((*size, 3), np.uint8)))) for size in sizes]
    with TestClient(create_app(recognizer, ServingConfig(max_megapixels=1))) as client:
        assert_refused(client.post("/predict/pictures", files=files), 422, message)


def test_pictures_that_are_none_are_refused(client):
    files = [("files", ("a.jpg", b"no picture"))] * 4
    answer = client.post("/predict/pictures", files=files)
    assert_refused(
        answer, 422, "picture 0: cannot be read .*must be JPEG or PNG.*; send JPEG or PNG"
    )


def assert_refused(answer, status, message):
    import re

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert "\n" not in error
    assert re.search(message, error), error


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "^wave.mp4: is empty; send a video file$"),
        (b"#EXTM3U\nfile:///etc/passwd", "^wave.mp4: is not a video that is known here; send MP4"),
        (
            b"\0\0\0\x18ftypmp42" + b"x" * 200,
            "^wave.mp4: cannot be read as a video .*copy it again",
        ),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(client, path, content, message):
    answer = client.post(path, files={"file": ("../../wave.mp4", content)})
    assert_refused(answer, 422, message)


def test_values_out_of_range_are_refused(client, clips):
    path = clips["static"]
    top = client.post("/predict", files=upload(path), data={"top": 0})
    assert_refused(top, 422, "^top: Input should be greater than or equal to 1; /docs says")
    most = client.post("/explain", files=upload(path), data={"k": 10_000})
    assert_refused(most, 422, r"k must be at most \(T-1\)\*S = ")
    assert_refused(client.post("/predict"), 422, "^file: Field required")


def test_frames_with_too_many_pixels_are_refused(recognizer, clips):
    with TestClient(create_app(recognizer, ServingConfig(max_megapixels=0.001))) as client:
        answer = client.post("/predict", files=upload(clips["static"]))
    assert_refused(answer, 422, "^static.mp4: frames must have at most 0.001 megapixels.* 32x32")


def test_a_network_without_modules_has_labels_but_no_explanation(clips):
    plain = small_recognizer("c2d_nano", {"widths": [4, 8, 8, 8]}, size=32)
    with TestClient(create_app(plain)) as client:
        assert client.get("/model").json()["explains"] is False
        assert client.post("/predict", files=upload(clips["static"])).status_code == 200
        answer = client.post("/explain", files=upload(clips["static"]))
    assert_refused(answer, 422, "c2d_nano has no CP modules")


def test_an_exported_file_is_served(exported, clips):
    recognizer = Recognizer.from_pretrained(exported)
    with TestClient(create_app(recognizer)) as client:
        assert client.get("/model").json()["explains"] is False
        answer = client.post("/predict", files=upload(clips["static"])).json()
    assert_same_prediction(answer, recognizer.predict(clips["static"], top=5))


@pytest.mark.parametrize("is_announced", [True, False])
def test_uploads_that_are_too_large_are_refused(recognizer, is_announced):
    with TestClient(create_app(recognizer, ServingConfig(max_upload_mb=0.01))) as client:
        request = client.build_request("POST", "/predict", files={"file": ("a.mp4", b"x" * 20_000)})
        if not is_announced:
            body = request.read()
            headers = {"content-type": request.headers["content-type"]}
            pieces = (body[i : i + 1000] for i in range(0, len(body), 1000))
            request = client.build_request("POST", "/predict", content=pieces, headers=headers)
            assert "content-length" not in request.headers
        answer = client.send(request)
    assert_refused(answer, 413, "^an upload must have at most 0.01 MB, .*--max_upload_mb$")


class Slow:
    """A recognizer whose network stands still until it is let go."""

    def __init__(self, recognizer):
        self.go, self.began = threading.Event(), threading.Event()
        self.sizes = []
        self.recognizer = Recognizer(recognizer.model, recognizer.card)
        network = self.recognizer.network

        def forward(clips):
            if self.is_armed:
                self.sizes.append(len(clips))
                self.began.set()
                assert self.go.wait(30)
            return network(clips)

        self.is_armed = False
        self.recognizer.network = forward


def test_clips_that_wait_at_the_same_time_go_through_together(recognizer, clips):
    paths = list(clips.values()) * 3
    slow = Slow(recognizer)
    config = ServingConfig(max_batch=4, max_wait_ms=0)
    with TestClient(create_app(slow.recognizer, config)) as client:
        slow.is_armed = True

        def ask(path):
            return client.post("/predict", files=upload(path)).json()

        with ThreadPoolExecutor(len(paths)) as pool:
            answers = [pool.submit(ask, paths[0])]
            assert slow.began.wait(30)
            answers += [pool.submit(ask, path) for path in paths[1:]]
            wait_for(lambda: gauge(client, "motionlens_queue_length") == len(paths) - 1)
            slow.go.set()
            answers = [answer.result() for answer in answers]
        text = client.get("/metrics").text
    assert slow.sizes == [1, 4, 4]
    for path, answer in zip(paths, answers, strict=True):
        assert_same_prediction(answer, recognizer.predict(path, top=5))
    assert "motionlens_batch_size_count 3.0" in text
    assert "motionlens_batch_size_sum 9.0" in text


def test_more_than_may_wait_are_told_to_come_again(recognizer, clips):
    slow = Slow(recognizer)
    with TestClient(create_app(slow.recognizer, ServingConfig(max_waiting=2))) as client:
        slow.is_armed = True
        with ThreadPoolExecutor(2) as pool:
            held = [
                pool.submit(client.post, "/predict", files=upload(clips["static"]))
                for _ in range(2)
            ]
            wait_for(lambda: gauge(client, "motionlens_open_uploads") == 2)
            answer = client.post("/predict", files=upload(clips["static"]))
            assert_refused(answer, 503, "^2 requests wait already; try again in a moment$")
            assert answer.headers["retry-after"] == "1"
            # What takes no time is answered all the same.
            assert client.get("/healthz").json() == {"status": "ok"}
            slow.go.set()
            assert [request.result().status_code for request in held] == [200, 200]
        assert client.post("/predict", files=upload(clips["static"])).status_code == 200


def wait_for(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def gauge(client, name):
    lines = client.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def test_a_fault_of_the_network_is_answered_and_the_next_request_is_served(recognizer, clips):
    broken = Recognizer(recognizer.model, recognizer.card)
    network = broken.network
    app = create_app(broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        broken.network = lambda clips: clips.nothing
        answer = client.post("/predict", files=upload(clips["static"]))
        assert_refused(answer, 500, "^unexpected AttributeError; the server's log says more$")
        broken.network = network
        assert client.post("/predict", files=upload(clips["static"])).status_code == 200
        text = client.get("/metrics").text
    assert 'motionlens_requests_total{method="POST",path="/predict",status="500"} 1.0' in text
    assert 'motionlens_requests_total{method="POST",path="/predict",status="200"} 1.0' in text


def test_nothing_of_an_upload_is_left(recognizer, clips, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = create_app(recognizer)
    with TestClient(app) as client:
        (folder,) = tmp_path.glob("motionlens-*")
        assert folder == app.state.service.folder
        big = clips["static"].read_bytes() + b"\0" * 2_000_000  # goes to disk on its way
        for content in (big, b"\0\0\0\x18ftypmp42", b"", b"text"):
            client.post("/predict", files={"file": ("a.mp4", content)})
            client.post("/explain", files={"file": ("a.mp4", content)})
            assert list(folder.glob("upload-*")) == []
        assert list(tmp_path.glob("motionlens-*")) == [folder]
    assert list(tmp_path.glob("motionlens-*")) == []


def test_model_describes_the_recognizer(client, recognizer):
    answer = client.get("/model").json()
    ModelAnswer.model_validate(answer)
    assert answer["classes"] == list(recognizer.class_names)
    assert [module["k"] for module in answer["modules"]] == [2, 2]
    expected = recognizer.explain(np.zeros((8, 32, 32, 3), np.uint8)).modules
    assert [module["name"] for module in answer["modules"]] == list(expected)
    assert answer["card"]["num_frames"] == answer["pictures"] == 4
    assert answer["limits"]["max_upload_mb"] == 64


def test_metrics_count_requests_by_path_and_status(recognizer):
    with TestClient(create_app(recognizer)) as client:
        client.get("/healthz")
        client.get("/healthz")
        client.get("/nowhere")
        client.get("/nowhere/else")
        client.get("/static/style.css")
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'motionlens_requests_total{method="GET",path="/healthz",status="200"} 2.0' in lines
    assert 'motionlens_requests_total{method="GET",path="other",status="404"} 2.0' in lines
    assert 'motionlens_requests_total{method="GET",path="/static",status="200"} 1.0' in lines
    assert 'motionlens_request_seconds_count{path="/healthz"} 2.0' in lines
    assert "motionlens_queue_length 0.0" in lines


def test_refusals_keep_their_status(recognizer):
    with TestClient(create_app(recognizer)) as client:
        files = {"file": ("notes.txt", b"no video")}
        answer = client.post("/predict", files=files, headers={"motionlens-refusals": "quiet"})
        assert_refused(answer, 422, "^notes.txt: is not a video")
        assert "motionlens-status" not in answer.headers
        text = client.get("/metrics").text
        assert 'requests_total{method="POST",path="/predict",status="422"} 1.0' in text


def test_pages_answer_head(client):
    assert client.head("/").status_code == 200


def test_the_interface_describes_its_answers_and_errors(client):
    description = client.get("/openapi.json").json()
    assert set(description["paths"]) == {
        "/predict",
        "/predict/pictures",
        "/explain",
        "/model",
        "/healthz",
        "/metrics",
    }
    for path, model in (("/predict", "PredictionAnswer"), ("/explain", "ExplanationAnswer")):
        answers = description["paths"][path]["post"]["responses"]
        assert set(answers) == {"200", "400", "401", "403", "408", "413", "422", "503"}
        for status, answer in answers.items():
            schema = answer["content"]["application/json"]["schema"]["$ref"]
            assert schema.endswith(f"/{model if status == '200' else 'ErrorAnswer'}")
        assert "Retry-After" in answers["503"]["headers"]


def test_every_answer_forbids_other_places(client, clips):
    for answer in (
        client.get("/"),
        client.get("/docs"),
        client.get("/static/main.js"),
        client.get("/nowhere"),
        client.get("/model"),
        client.post("/predict", files=upload(clips["static"])),
    ):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_only_named_hosts_are_answered(recognizer):
    with TestClient(create_app(recognizer, allowed_hosts=["localhost"])) as client:
        assert client.get("/", headers={"host": "localhost:8000"}).status_code == 200
        assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400


def test_the_example_is_a_clip_that_is_recognized(client):
    content = client.get("/example.mp4").content
    answer = client.post("/explain", files={"file": ("example.mp4", content)}).json()
    assert answer["frames"]["count"] == 4


def test_many_at_the_same_time_are_answered_like_one(recognizer, clips, serve):
    import httpx2

    expected = {path: recognizer.predict(path, top=5) for path in clips.values()}

    async def ask_all(address):
        async with httpx2.AsyncClient(base_url=address, timeout=60) as client:
            asked = [path for _ in range(8) for path in clips.values()]
            sent = [client.post("/predict", files=upload(path)) for path in asked]
            return list(zip(asked, await asyncio.gather(*sent), strict=True))

    with serve(create_app(recognizer)) as address:
        for path, answer in asyncio.run(ask_all(address)):
            assert answer.status_code == 200
            assert_same_prediction(answer.json(), expected[path])


def test_a_fault_of_our_own_is_no_fault_of_the_client(recognizer, clips):
    broken = Recognizer(recognizer.model, recognizer.card)
    with TestClient(create_app(broken), raise_server_exceptions=False) as client:
        broken.network = lambda clips: int("x")
        answer = client.post("/predict", files=upload(clips["static"]))
    assert_refused(answer, 500, "^unexpected ValueError; the server's log says more$")
