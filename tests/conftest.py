"""Shared by all tests: generated videos, the shared data, chance that does not leak, skips."""

import importlib.util
import json
import multiprocessing.forkserver
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]

# A shell ignores interrupts for what it starts in the background, and so would all programs here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MakeVideo = Callable[..., Path]
Command = Callable[..., tuple[int, str, str]]


class OfficialNetwork(NamedTuple):
    """A stored case of the authors' network.

    Attributes:
        variables: name to array.
        clip: ``(B, 3, T, H, W)``.
        stored: ``logits``, ``pooled``, ``logits_c2d``, ``knn/...`` and more.
    """

    variables: dict[str, np.ndarray]
    clip: torch.Tensor
    stored: Any


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU or an interpreted kernel where there is none, unless it is demanded."""
    needs_cuda = item.get_closest_marker("cuda") is not None
    if needs_cuda and not torch.cuda.is_available():
        if os.environ.get("MOTIONLENS_REQUIRE_CUDA") == "1":
            pytest.fail("MOTIONLENS_REQUIRE_CUDA=1, but torch finds no CUDA device")
        pytest.skip("needs a CUDA device")
    if item.get_closest_marker("interpret") is not None:
        if os.environ.get("TRITON_INTERPRET") != "1":
            pytest.skip("runs with TRITON_INTERPRET=1: make test-triton")
        if importlib.util.find_spec("triton") is None:
            pytest.fail("TRITON_INTERPRET=1, but Triton is not installed")


@pytest.fixture(autouse=True)
def _restore_random_states() -> Iterator[None]:
    """No test depends on chance, nor on what another one used up of it."""
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
    np.random.seed(0)
    torch.manual_seed(0)
    yield
    np.random.set_state(numpy_state)
    torch.set_rng_state(torch_state)


@pytest.fixture(scope="session", autouse=True)
def _processes_start_with_everything() -> Iterator[None]:
    """Worker processes of any test are forked from one that has imported what others need too.

    Python starts one such server, for the work that comes first; without this all other work would
    spend seconds on its imports in each process.
    """
    preload = multiprocessing.forkserver.set_forkserver_preload
    more = ["motionlens.training.fit", "motionlens.inference.evaluation"]
    preload(more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            multiprocessing.forkserver,
            "set_forkserver_preload",
            lambda names: preload([*more, *names]),
        )
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The shared folder with real clips; tests that need it are skipped where it is absent."""
    where = Path(os.environ.get("MOTIONLENS_TEST_DATA", REPOSITORY / ".." / "shared"))
    if not (where / "data").is_dir():
        pytest.skip(f"no shared data at {where}; set MOTIONLENS_TEST_DATA")
    return where


@pytest.fixture(scope="session")
def write_tensorflow() -> Callable[[Path, dict[str, np.ndarray]], str]:
    """``write_tensorflow(prefix, values)``: a checkpoint as TensorFlow 1 writes it."""
    if importlib.util.find_spec("tensorflow") is None:
        if os.environ.get("MOTIONLENS_REQUIRE_TENSORFLOW") == "1":
            pytest.fail("MOTIONLENS_REQUIRE_TENSORFLOW=1, but TensorFlow is not installed")
        pytest.skip("needs TensorFlow; 'make test-tensorflow' brings it")

    def write(prefix: Path, values: dict[str, np.ndarray]) -> str:
        import tensorflow

        v1 = tensorflow.compat.v1
        with v1.Graph().as_default(), v1.Session() as session:
            for name, value in values.items():
                v1.get_variable(name, initializer=value, use_resource=False)
            session.run(v1.global_variables_initializer())
            return str(v1.train.Saver().save(session, str(prefix)))

    return write


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[Any]:
    """The first node of a Ray cluster, of one core, whose processes find the tests' modules."""
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("MOTIONLENS_REQUIRE_RAY") == "1":
            pytest.fail("MOTIONLENS_REQUIRE_RAY=1, but Ray is not installed")
        pytest.skip("needs Ray; 'make test-ray' brings it")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(REPOSITORY / "tests"), prepend=os.pathsep)
        from ray.cluster_utils import Cluster

        options = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=options)
        try:
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture(scope="session")
def read_parquet() -> Callable[[Path], Any]:
    """``read_parquet(path)``: the table in a file."""
    if importlib.util.find_spec("pyarrow") is None:
        if os.environ.get("MOTIONLENS_REQUIRE_PARQUET") == "1":
            pytest.fail("MOTIONLENS_REQUIRE_PARQUET=1, but pyarrow is not installed")
        pytest.skip("needs pyarrow: pip install '.[parquet]'")

    def read(path: Path) -> Any:
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path)

    return read


@pytest.fixture(scope="session")
def opencv() -> Any:
    """OpenCV, which computes optical flow."""
    if importlib.util.find_spec("cv2") is None:
        if os.environ.get("MOTIONLENS_REQUIRE_OPENCV") == "1":
            pytest.fail("MOTIONLENS_REQUIRE_OPENCV=1, but OpenCV is not installed")
        pytest.skip("needs OpenCV: pip install '.[flow]'")
    return importlib.import_module("cv2")


def write_frames(
    path: Path, frames: np.ndarray, *, fps: int = 10, codec: str = "libx264", **options: Any
) -> Path:
    """Encode frames, uint8 ``(T, H, W, 3)``; options are the codec's, ``container`` the muxer's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    muxer = options.pop("container", {})
    with av.open(str(path), "w", options=muxer) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = options.pop("pix_fmt", "yuv420p")
        stream.options = {name: str(value) for name, value in options.items()}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def official_network(test_data: Path) -> OfficialNetwork:
    """The authors' ResNet-34 as their graph had it: variables, clip, and what it made of them."""
    folder = test_data / "oracle"
    spec = importlib.util.spec_from_file_location("oracle_weights", folder / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    values = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(values)
    about = json.loads((folder / "net_r34_112.json").read_text())
    clip = torch.from_numpy(values.video(about["input_seed"], about["shape"]))
    return OfficialNetwork(
        {name: values.value(name, shape, about["scheme"]) for name, shape, _ in about["variables"]},
        clip.permute(0, 4, 1, 2, 3),
        np.load(folder / "net_r34_112.npz"),
    )


def numbered_frames(num_frames: int, height: int = 32, width: int = 48) -> np.ndarray:
    """Frames that can be told apart after any codec: frame i is grey of 20 + 5 i."""
    levels = 20 + 5 * np.arange(num_frames)
    assert levels.max() < 256
    shape = (num_frames, height, width, 3)
    return np.broadcast_to(levels[:, None, None, None], shape).astype(np.uint8)


@pytest.fixture
def numbers_of() -> Callable[[torch.Tensor], list[int]]:
    """Decoded frames ``(T, 3, H, W)`` -> the numbers that ``numbered_frames`` drew into them."""

    def numbers(data: torch.Tensor) -> list[int]:
        levels = data.float().mean(dim=(1, 2, 3)).numpy()
        found = np.round((levels - 20) / 5)
        assert np.abs(levels - 20 - 5 * found).max() < 2, f"not numbered frames: {levels}"
        return [int(number) for number in found]

    return numbers


@pytest.fixture
def frame_folder(tmp_path: Path) -> Path:
    """Pictures 1.png ... 12.png of 32x48 pixels, numbered like the videos."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(12):
        Image.new("RGB", (48, 32), (20 + 5 * i,) * 3).save(folder / f"{i + 1}.png")
    return folder


@pytest.fixture(scope="session")
def clips(test_data: Path) -> Path:
    """The folder of real media files."""
    return test_data / "data" / "clips"


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """``make_video("a.mp4", num_frames=12, height=32, width=48, fps=10)``: a numbered video."""

    def make(
        name: str = "video.mp4",
        *,
        num_frames: int = 12,
        height: int = 32,
        width: int = 48,
        frames: np.ndarray | None = None,
        **options: Any,
    ) -> Path:
        if frames is None:
            frames = numbered_frames(num_frames, height, width)
        return write_frames(tmp_path / name, frames, **options)

    return make


@pytest.fixture
def class_folders(make_video: MakeVideo, tmp_path: Path) -> Path:
    """``data/left`` and ``data/right`` with 5 videos of 8 frames each; contents do not matter."""
    for name in ("left", "right"):
        for number in range(5):
            rng = np.random.default_rng([ord(name[0]), number])
            noise = rng.integers(0, 256, (8, 32, 48, 3), dtype=np.uint8)
            make_video(f"data/{name}/{number}.mp4", frames=noise, preset="ultrafast")
    return tmp_path / "data"


@pytest.fixture(scope="session")
def parted_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 12 training and 12 validation videos; tests leave it as it is."""
    from motion_videos import write_dataset

    folder = tmp_path_factory.mktemp("parted")
    for part in ("train", "validation"):
        write_dataset(folder / part)
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``net.onnx``: the small recognizer of ``export_cards``, taking any number of frames.

    It is written once for all processes of a test run: this takes many seconds.
    """
    base = tmp_path_factory.getbasetemp()
    # Processes of pytest-xdist have folders within the one of the run.
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path = folder / "exported" / "net.onnx"
    with FileLock(folder / "exported.lock"):
        if not path.exists():
            from export_cards import small_recognizer
            from motionlens.export.exporting import export_recognizer

            export_recognizer(small_recognizer(), path, dynamic_frames=True)
    return path


@pytest.fixture
def motionlens_command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command; returns exit status, standard output and standard error."""
    from motionlens.cli.main import main

    def call(*arguments: str | Path | int) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
