import shutil

import huggingface_hub
import numpy as np
import pytest
import torch

from motion_videos import CLASSES, write_video
from motionlens.inference.recognizer import Recognizer
from motionlens.models.capture import capture_proposals, inject_proposals
from motionlens.video.frames import VideoError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "left.mp4"
    write_video(path, CLASSES["move_left"], seed=1)
    return path


def pictures(num_frames=8, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (num_frames, 24, 32, 3), dtype=np.uint8)


def test_probabilities_fall_and_sum_to_one(recognizer, video):
    prediction = recognizer.predict(video)
    assert prediction.path == str(video)
    assert set(prediction.labels) == set(CLASSES)
    assert prediction.label == prediction.labels[0]
    assert sum(prediction.probabilities) == pytest.approx(1)
    assert list(prediction.probabilities) == sorted(prediction.probabilities, reverse=True)
    assert recognizer.predict(video, top=1).labels == prediction.labels[:1]


def test_list_order_and_batches_do_not_matter(recognizer, video):
    videos = [pictures(seed=i) for i in range(5)] + [video]
    alone = [recognizer.predict(item) for item in videos]
    together = recognizer.predict(videos, batch_size=4)
    for one, other in zip(alone, together, strict=True):
        assert one.labels == other.labels
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert [p.path for p in together] == ["array"] * 5 + [str(video)]


def test_arrays_and_tensors_of_either_layout_agree(recognizer):
    array = pictures()
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
    wanted = recognizer.predict(array)
    assert recognizer.predict(tensor) == wanted
    assert recognizer.predict(torch.from_numpy(array)) == wanted


def test_embedding_has_a_row_a_video(recognizer, video):
    one = recognizer.embed(video)
    assert one.shape == (8,)
    many = recognizer.embed([video, pictures()], batch_size=1)
    assert many.shape == (2, 8)
    torch.testing.assert_close(many[0], one)
    with pytest.raises(ValueError, match="at least one video, got an empty list"):
        recognizer.embed([])


def test_one_frame_is_repeated_with_a_warning(recognizer):
    with pytest.warns(UserWarning, match="array: the video has one frame, which is repeated"):
        prediction = recognizer.predict(pictures(1))
    assert prediction.labels


def test_short_video_repeats_from_its_start(recognizer):
    short = pictures(3)
    looped = np.concatenate([short] * 3)[:7]
    np.testing.assert_array_equal(recognizer.load_clip(short), recognizer.load_clip(looped))


def test_broken_videos_raise_or_are_told_and_left_out(recognizer, video, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        recognizer.predict([video, broken])
    told = []
    found = recognizer.predict(
        [broken, video, tmp_path / "nix.mp4"], on_error=lambda path, error: told.append(path)
    )
    assert [p.path for p in found] == [str(video)]
    assert told == [str(broken), str(tmp_path / "nix.mp4")]


def test_predictions_come_as_their_batches_are_done(recognizer):
    asked = []

    def videos():
        for i in range(6):
            asked.append(i)
            yield pictures(seed=i)

    next(recognizer.predict_each(videos(), batch_size=2))
    assert asked == [0, 1]


def test_save_and_load(recognizer, video, tmp_path):
    recognizer.save_pretrained(tmp_path / "saved")
    loaded = Recognizer.from_pretrained(tmp_path / "saved")
    assert loaded.predict(video) == recognizer.predict(video)
    assert loaded.class_names == tuple(CLASSES)
    assert repr(loaded) == "Recognizer(cpnet_nano, 3 classes, device=cpu)"
    assert not loaded.model.training


def test_other_k_leaves_the_model_as_it_was(recognizer):
    other = Recognizer(recognizer.model, recognizer.card, k=7)
    networks = [recognizer.model, recognizer.network, other.model, other.network]
    ks = [{m.k for m in network.modules() if hasattr(m, "search")} for network in networks]
    assert ks == [{2}, {2}, {2}, {7}]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.predict(pictures(), top=0), "top must be a whole number of at least 1, got 0"),
        (
            lambda r: r.predict([pictures()], batch_size=0),
            "batch_size must be a whole number of at least 1, got 0",
        ),
        (
            lambda r: Recognizer(r.model, r.card, k=0),
            "k must be a whole number of at least 1, got 0",
        ),
        (lambda r: Recognizer(r.model, r.card, device="tpu"), "device must be one of auto, cpu"),
    ],
)
def test_refusals(recognizer, call, message):
    with pytest.raises(ValueError, match=message):
        call(recognizer)


def test_hub_names_are_downloaded(recognizer, tmp_path, monkeypatch):
    recognizer.save_pretrained(tmp_path / "cache")
    asked = []

    def snapshot_download(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(tmp_path / "cache")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert Recognizer.from_pretrained("owner/model").class_names == tuple(CLASSES)
    assert asked == [("owner/model", ["config.json", "model.safetensors"])]


def test_the_folded_network_predicts_the_same(recognizer, video):
    clip = recognizer.load_clip(video)[None]
    with torch.inference_mode():
        expected = recognizer.card.probabilities(recognizer.model(clip)[0])
        features = recognizer.model.forward_features(clip)[0]
    found = recognizer.predict(video)
    assert found.labels[0] == recognizer.class_names[int(expected.argmax())]
    assert found.probabilities == pytest.approx(sorted(expected.tolist())[::-1], abs=1e-5)
    torch.testing.assert_close(recognizer.embed(video), features, rtol=1e-4, atol=1e-5)
    half = Recognizer(recognizer.model, recognizer.card, dtype=torch.bfloat16).predict(video)
    assert sum(half.probabilities) == pytest.approx(1, abs=1e-5)


def test_proposals_are_captured_and_replaced_in_the_folded_network(recognizer, video):
    network, clip = recognizer.network, recognizer.load_clip(video)[None]
    with capture_proposals(network) as seen:
        logits = recognizer.logits(clip)
    explained = recognizer.explain(video)
    (name,) = seen
    assert torch.equal(seen[name].indices[0], explained.modules[name].proposals.indices)
    with inject_proposals(network, {name: seen[name].indices}):
        torch.testing.assert_close(recognizer.logits(clip), logits)
    wide = Recognizer(recognizer.model, recognizer.card, k=7)
    with capture_proposals(wide.network) as seen:
        found = wide.probabilities(clip)[0]
    assert seen[name].indices.shape[-1] == wide.explain(video).modules[name].k == 7
    explained = recognizer.explain(video, k=7).prediction
    assert explained.probabilities == pytest.approx(sorted(found.tolist())[::-1], abs=1e-6)


def test_saved_files_and_their_readme(recognizer, video, tmp_path):
    recognizer.save_pretrained(tmp_path / "waves")
    names = sorted(path.name for path in (tmp_path / "waves").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    readme = tmp_path / "waves" / "README.md"
    assert "# waves" in readme.read_text()
    readme.write_text("my own")
    recognizer.save_pretrained(tmp_path / "waves")
    assert readme.read_text() == "my own"
    again = Recognizer.from_pretrained(tmp_path / "waves")
    assert again.predict(video) == recognizer.predict(video)


def test_push_and_come_back(recognizer, video, tmp_path, monkeypatch):
    class Api:
        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, private, exist_ok):
            return type("Repo", (), {"repo_id": repo_id})

        def upload_folder(self, *, repo_id, folder_path, **_):
            shutil.copytree(folder_path, tmp_path / repo_id)
            return "https://hub/commit"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    assert recognizer.push_to_hub("owner/waves") == "https://hub/commit"
    assert 'from_pretrained("owner/waves")' in (tmp_path / "owner/waves/README.md").read_text()

    def snapshot_download(name, allow_patterns):
        return tmp_path / name

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    for name in ("owner/waves", "hub:owner/waves"):
        assert Recognizer.from_pretrained(name).predict(video) == recognizer.predict(video)


def test_a_folder_in_a_list_stands_for_its_videos(recognizer, video):
    told = []
    found = recognizer.predict([video.parent, ""], on_error=lambda name, _: told.append(name))
    assert [prediction.path for prediction in found] == [str(video)]
    assert told == [""]
    assert torch.equal(recognizer.embed([video.parent]), recognizer.embed([video]))
