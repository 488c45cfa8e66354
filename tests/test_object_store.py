"""Data in an object store: the same numbers as from disk, also where the store is a bad one."""

import csv
import json
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from motion_videos import CLASSES, tiny_recipe, write_dataset, write_video
from motionlens._utils import remote_files
from motionlens._utils.addresses import Address, as_path
from motionlens._utils.remote_files import StoreError
from motionlens._utils.remote_ranges import BLOCK_BYTES, RangeReader, _first_found
from motionlens.cli.main import main
from motionlens.datasets.packing import Packing, pack
from motionlens.datasets.parts import open_all
from motionlens.datasets.prepare import prepare
from motionlens.datasets.prepared import load_part
from motionlens.datasets.source import ListingConfig
from motionlens.inference.recognizer import Recognizer
from motionlens.training.fit import fit
from motionlens.training.recipe import LoaderConfig
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.rate import frame_rate
from motionlens.video.shards import read_table
from motionlens.video.source import open_source
from s3_server import running_store

pytest.importorskip("s3fs", reason="s3fs is not installed")
pytest.importorskip("moto", reason="moto is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # of clients
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(botocore|moto|aiobotocore|s3fs)"),
]
FAULTS = {5: "slow", 7: "drop", 11: "cut"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """On this machine: clips in class folders, a list of them, prepared, shards, and a run."""
    top = tmp_path_factory.mktemp("data")
    write_dataset(top / "clips", videos_per_class=5)
    rows = [(path.relative_to(top / "clips"), path.parent.name) for path in top.rglob("*.mp4")]
    text = "".join(f"{path},{label}\n" for path, label in sorted(rows))
    (top / "clips" / "all.csv").write_text(text)
    prepare("folder", top / "clips", num_workers=0)
    pack(top / "clips" / "prepared", top / "shards", Packing(shard_videos=4), num_workers=0)
    fit(tiny_recipe(top / "clips", top / "run"), progress=False)
    return top


@pytest.fixture(scope="module")
def whole_store(data):
    with running_store() as store:
        for name in ("clips", "shards", "run"):
            store.copy(data / name, name)
        yield store


@pytest.fixture
def store(whole_store, tmp_path, monkeypatch):
    """The store as this process and those that it starts see it, with an empty cache."""
    import fsspec

    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "topsecret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": whole_store.proxy.url,
        "MOTIONLENS_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote_files, "WAITS_S", (0.02, 0.05, 0.1, 0.2))

    def forget():
        remote_files._file_system.cache_clear()
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        _first_found.cache_clear()
        read_table.cache_clear()

    forget()
    whole_store.proxy.reset()
    yield whole_store
    forget()


def evaluated(run, data, out):
    """The rows of an evaluation, without the place of the videos."""
    words = ["evaluate", str(run), "--data", str(data), "--out", str(out), "--num_workers", "0"]
    assert main([*words, "--split", "all"]) == 0
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{**row, "path": Path(row["path"]).name} for row in rows]


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("clips", "clips/prepared")),
        "clips/all.csv",
        "shards",
    ],
)
def test_evaluation_is_that_of_the_disk(data, store, tmp_path, name):
    store.proxy.every = FAULTS
    found = evaluated("s3://bucket/run", f"s3://bucket/{name}", tmp_path / "stored")
    assert found == evaluated(data / "run", data / name, tmp_path / "disk")
    assert len(found) >= 3
    assert {"slow", "drop"} <= store.proxy.counts.keys()
    assert "topsecret" not in (tmp_path / "stored" / "report.json").read_text()


@pytest.mark.parametrize("name", ["clips", pytest.param("shards", marks=pytest.mark.slow)])
def test_training_is_that_of_the_disk(data, store, tmp_path, name):
    store.proxy.every = FAULTS
    loader = LoaderConfig(num_workers=1, cache=False)
    flip = tiny_recipe(data, data).augment
    recipe = tiny_recipe(data / name, tmp_path / "disk", loader=loader, augment=flip)
    fit(recipe, progress=False)
    stored = recipe.with_(data=f"s3://bucket/{name}", out=str(tmp_path / "stored"))
    fit(stored, progress=False)
    for file in ("model.safetensors", "metrics.csv"):
        assert (tmp_path / "stored" / file).read_bytes() == (tmp_path / "disk" / file).read_bytes()
    recipe_text = (tmp_path / "stored" / "recipe.yaml").read_text()
    assert f"data: s3://bucket/{name}\n" in recipe_text
    assert {"slow", "drop"} <= store.proxy.counts.keys()


def test_predict_and_embed_and_explain(data, store, tmp_path, capsys):
    videos = "s3://bucket/clips/static"
    assert main(["predict", "s3://bucket/run", videos, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main(["predict", str(data / "run"), str(data / "clips" / "static"), "--json"]) == 0
    wanted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["predictions"] for row in found] == [row["predictions"] for row in wanted]
    assert [row["path"] for row in found] == [f"{videos}/{n}.mp4" for n in range(5)]
    words = ["--data", "s3://bucket/clips", "--out", str(tmp_path / "f.npy")]
    assert main(["embed", "s3://bucket/run", *words]) == 0
    assert main(["explain", "s3://bucket/run", f"{videos}/0.mp4", "--json"]) == 0


def test_streams_and_rates(data, store):
    name = "clips/move_left/0.mp4"
    assert frame_rate(as_path(f"s3://bucket/{name}"), fps=1.0) == 12.0
    source = open_source(f"s3://bucket/{name}")
    assert sum(1 for _ in source) == 8
    source.close()


def test_recognizers_and_weights(data, store, tmp_path):
    recognizer = Recognizer.from_pretrained("s3://bucket/run", device="cpu")
    assert set(recognizer.class_names) == set(CLASSES)
    recipe = tiny_recipe(data / "clips", tmp_path / "run", init="s3://bucket/run")
    fit(recipe.with_(**{"optim.epochs": 1}), progress=False)


@pytest.mark.slow
def test_preparing_from_a_store(data, store, tmp_path, capsys):
    out = tmp_path / "prepared"
    words = ["prepare", "folder", "s3://bucket/clips", "--out", str(out), "--check", "decode"]
    # In a process of its own: others that decode have the environment of the first that did.
    command = [sys.executable, "-m", "motionlens", *words, "--num_workers", "1"]
    subprocess.run(command, check=True)
    report = json.loads((out / "report.json").read_text())
    disk = json.loads((data / "clips" / "prepared" / "report.json").read_text())
    assert report["parts"] == disk["parts"]
    shards = tmp_path / "shards"
    pack(out, shards, Packing(shard_videos=4), num_workers=0)
    wanted = (data / "shards" / "train-000000.tar").read_bytes()
    assert (shards / "train-000000.tar").read_bytes() == wanted
    assert main(["prepare", "folder", "s3://bucket/clips"]) == 2
    assert "out must be a path of this machine" in capsys.readouterr().err


def test_a_changed_video_is_fetched_again(data, store, tmp_path):
    address = "s3://bucket/changing/a.mp4"
    for number, step in enumerate([(0, 3), (0, -3)]):
        path = tmp_path / f"{number}.mp4"
        write_video(path, step, seed=number)
        store.put("changing/a.mp4", path.read_bytes())
        with open_video(address) as stored, open_video(path) as local:
            assert stored.read(range(8)).data.equal(local.read(range(8)).data)
    # What has not changed is not fetched again.
    store.proxy.reset()
    open_video(address).close()
    assert [line.split()[0] for line in store.proxy.requests] == ["HEAD"]


def test_a_video_that_changes_meanwhile(store, tmp_path, monkeypatch):
    contents = []
    for number in range(2):
        path = tmp_path / f"{number}.mp4"
        write_video(path, (0, 3), seed=number, num_frames=4 + number)
        contents.append(path.read_bytes())
    store.put("meanwhile.mp4", contents[0])
    before = Address.found

    def found(self):
        here = before(self)
        if contents:
            store.put("meanwhile.mp4", contents.pop())
            contents.clear()
        return here

    monkeypatch.setattr(Address, "found", found)
    with open_video("s3://bucket/meanwhile.mp4") as reader:
        assert reader.num_frames == 5


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_web(data, store, tmp_path):
    folder = tmp_path / "web"
    shutil.copytree(data / "clips" / "static", folder)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)
    )
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with open_video(f"{address}/0.mp4") as stored, open_video(folder / "0.mp4") as local:
        assert stored.read(range(8)).data.equal(local.read(range(8)).data)
    with pytest.raises(VideoError, match="nothing is there"):
        open_video(f"{address}/nothing.mp4")
    (folder / "large").write_bytes(bytes(BLOCK_BYTES + 1))
    with pytest.raises(StoreError, match="large: its server sends whole files alone; copy it"):
        RangeReader(as_path(f"{address}/large")).fetch([(0, 10)])
    server.shutdown()
    server.server_close()


def test_a_shard_that_changes_ends_the_run(data, store, monkeypatch):
    index = load_part("s3://bucket/shards", "train")
    with index.open(0) as reader:
        reader.read([0])
    shard = data / "shards" / "train-000000.tar"
    store.put("shards/train-000000.tar", shard.read_bytes()[:-1] + b"\1")
    try:
        monkeypatch.setenv("MOTIONLENS_CACHE", str(data / "other"))
        with pytest.raises(StoreError, match="has changed while it was read"):
            index.open(0)
    finally:
        store.put("shards/train-000000.tar", shard.read_bytes())


def test_a_store_that_never_answers(store, capsys):
    store.proxy.every = {1: "drop"}
    assert main(["predict", "s3://bucket/clips/static/0.mp4"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("motionlens: error: s3://bucket/clips/static/0.mp4: the store does not")
    assert "5 times in a row; check the network" in error
    assert store.proxy.counts.keys() == {"drop"}
    assert store.proxy.counts["drop"] <= 10


def test_throttling_that_does_not_end(store):
    store.proxy.every = {1: "slow"}
    with pytest.raises(StoreError, match="5 times in a row"):
        open_video("s3://bucket/clips/static/0.mp4")


@pytest.mark.parametrize("command", ["predict", "train", "evaluate"])
def test_a_wrong_key(data, store, tmp_path, monkeypatch, capsys, command):
    from moto import settings

    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    words = {
        "predict": ["predict", "s3://bucket/clips/static/0.mp4", "s3://bucket/clips/static/1.mp4"],
        "train": ["train", "--data", "s3://bucket/clips", "--out", str(tmp_path / "run")],
        "evaluate": ["evaluate", str(data / "run"), "--data", "s3://bucket/clips/all.csv"],
    }[command]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    error = [line for line in lines if "no run is given" not in line]
    assert len(error) == 1, error
    assert "the store refuses access; check the key that is set: AWS_ACCESS_KEY_ID" in error[0]
    assert "topsecret" not in error[0]
    assert len(store.proxy.requests) <= 2


def test_no_key(store, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreError, match="refuses access; check the key"):
        open_video("s3://bucket/clips/static/0.mp4")


@pytest.mark.parametrize("data_path", ["s3://bucket/nowhere", "s3://nobucket/clips"])
def test_nothing_there(store, tmp_path, capsys, data_path):
    assert main(["train", "--data", data_path, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert f"data must be a folder or a list file, {data_path} does not exist" in error
    with pytest.raises(VideoError, match="nothing is there"):
        open_video(f"{data_path}/a.mp4")


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../other/a.mp4", "s3://private/a.mp4", "http://127.0.0.1:1/a.mp4",
             "file:///etc/hostname", "zip::s3://bucket/a.zip"],
)  # fmt: skip
def test_a_list_leads_nowhere_else(store, path):
    store.put("lists/all.csv", f"static/0.mp4,static\n{path},moving\n".encode())
    with pytest.raises(ValueError, match="lies outside of|not lead upwards|is not read"):
        open_all("s3://bucket/lists/all.csv", ListingConfig())
    assert not any("private" in line for line in store.proxy.requests)


def test_a_local_list_of_addresses_says_its_root(store, tmp_path):
    rows = [f"s3://bucket/clips/{name}/0.mp4,{name}\n" for name in CLASSES]
    path = tmp_path / "all.csv"
    path.write_text("".join(rows))
    with pytest.raises(ValueError, match="lies outside of .* --listing.root"):
        open_all(path, ListingConfig())
    index = open_all(path, ListingConfig(root="s3://bucket/clips"))
    with index.open(0) as reader:
        assert reader.name == "s3://bucket/clips/move_left/0.mp4"


def test_a_frame_folder(store, frame_folder):
    address = store.copy(frame_folder, "frames")
    with open_video(address) as stored, open_video(frame_folder) as local:
        assert stored.read([0, 2]).data.equal(local.read([0, 2]).data)
