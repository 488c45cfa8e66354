"""`Recognizer.explain`: what it reads, where its cells lie, what its JSON says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from export_cards import small_recognizer
from motionlens.clips.preprocessing import Preprocessing
from motionlens.explain.correspondences import Match, Target, explain_clips
from motionlens.explain.explanation import FORMAT
from motionlens.inference.recognizer import Recognizer
from motionlens.video.file import FileReader
from motionlens.video.frames import VideoError


@pytest.fixture(scope="module")
def recognizer():
    return small_recognizer()


def two_blocks(height, width, num_frames=8):
    """A red block up left and a blue one down right of the middle; and their centres (y, x)."""
    frames = np.zeros((num_frames, height, width, 3), np.uint8)
    corners = (height // 4, width // 2 - height // 5), (height // 2 + 3, width // 2 + 4)
    size = max(height // 8, 2), max(height // 6, 2)
    for (y, x), channel in zip(corners, (0, 2), strict=True):
        frames[:, y : y + size[0], x : x + size[1], channel] = 250
    return frames, [(y + size[0] / 2, x + size[1] / 2) for y, x in corners]


def centre(picture):
    """Centre of brightness (y, x) of a picture ``(H, W)``, pixels; a pixel's own is at + 0.5."""
    weights = np.asarray(picture, np.float64)
    weights = weights - weights.min()
    at = np.indices(weights.shape) + 0.5
    return (at * weights).sum((1, 2)) / weights.sum()


def seen_centres(recognizer, video):
    """Centres of red and blue in the clip that the network gets, in pixels of the video."""
    explained = recognizer.explain(video)
    clip = recognizer.load_clip(video).numpy()[:, 0]
    top, left, height, width = explained.region
    scale = height / clip.shape[1], width / clip.shape[2]
    found = [centre(clip[channel]) for channel in (0, 2)]
    return [(top + y * scale[0], left + x * scale[1]) for y, x in found]


def set_turn(path, *matrix):
    """Write a display matrix (a, b, c, d) into an MP4's track header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    values = np.array([matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 14])
    content[at : at + 36] = (values << 16).astype(">i4").tobytes()
    path.write_bytes(content)


@pytest.mark.parametrize("size", [(61, 97), (96, 57), (240, 320), (14, 23), (48, 48)])
def test_region_undoes_resize_and_crop(recognizer, size):
    frames, centres = two_blocks(*size)
    # Exact up to the 256 levels of the clip, whose pixels are larger than those of large frames.
    np.testing.assert_allclose(
        seen_centres(recognizer, frames), centres, atol=max(0.05, 0.02 * size[0] / 16)
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_region_of_a_turned_video(recognizer, make_video, k):
    upright, centres = two_blocks(96, 60)
    stored = np.ascontiguousarray(np.rot90(upright, k, axes=(1, 2)))
    path = make_video(frames=stored, crf=1, pix_fmt="yuv444p")
    quarter = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)][k]
    set_turn(path, *quarter)
    explained = recognizer.explain(path)
    assert explained.frames.shape == (4, 96, 60, 3)
    assert np.abs(explained.frames[0].astype(int) - upright[0]).mean() < 3
    np.testing.assert_allclose(seen_centres(recognizer, path), centres, atol=0.5)


def test_region_of_a_crop():
    # 100 x 200 -> 50 x 100, of which the middle 40 x 40: rows 5..45 and columns 30..70.
    assert Preprocessing(size=40, short_side=50).region(100, 200) == (10, 60, 80, 80)
    # Frames smaller than the crop are enlarged.
    assert Preprocessing(size=20, short_side=40).region(20, 20) == (5, 5, 10, 10)


def test_cells_tile_what_was_seen(recognizer):
    explained = recognizer.explain(two_blocks(61, 97)[0])
    H, W = explained.modules["core"].grid
    top, left, height, width = explained.region
    assert (H, W) == (8, 8)
    assert explained.box("core", 0, 0) == (top, left, height / 8, width / 8)
    y, x, h, w = explained.box("core", 7, 7)
    assert (y + h, x + w) == pytest.approx((top + height, left + width))


def test_holds_the_frames_the_network_saw(recognizer, make_video):
    explained = recognizer.explain(make_video(num_frames=20, height=34, width=50))
    # 4 frames of stride 2 span 7 of 20; 13 are left over, 6 before them.
    assert explained.frame_numbers == (6, 8, 10, 12)
    assert explained.times_s == pytest.approx((0.6, 0.8, 1.0, 1.2))
    assert explained.frames.shape == (4, 34, 50, 3)
    levels = explained.frames.mean((1, 2, 3))
    np.testing.assert_allclose(levels, [20 + 5 * t for t in explained.frame_numbers], atol=3)


def test_decodes_only_what_is_needed(recognizer, make_video, monkeypatch):
    path = make_video(num_frames=45, g=5)
    decoded = []
    decode = FileReader._decode

    def counted(self):
        for found in decode(self):
            decoded.append(found)
            yield found

    monkeypatch.setattr(FileReader, "_decode", counted)
    recognizer.explain(path)
    # Frames 19 to 25 lie in two groups of five; the first frame tells the size.
    assert 7 <= len(decoded) < 20


def test_agrees_with_prediction_and_with_the_network(recognizer):
    video = np.random.default_rng(0).integers(0, 255, (8, 24, 32, 3), dtype=np.uint8)
    explained = recognizer.explain(video)
    assert explained.path == "array"
    predicted = recognizer.predict(video, top=3)
    assert explained.prediction.labels == predicted.labels
    assert explained.prediction.probabilities == pytest.approx(predicted.probabilities, abs=1e-6)
    found = explain_clips(recognizer.network, recognizer.load_clip(video)[None])["core"]
    assert torch.equal(explained.modules["core"].wins, found.wins[0])
    changed = explained.ranked("core", 5)
    assert [at.change for at in changed] == found.change.flatten().topk(5).values.tolist()
    frame, row, column, _ = changed[0]
    match = explained.match("core", frame, row, column)
    indices = found.proposals.indices[0, frame, row * 8 + column].tolist()
    assert isinstance(match, Match)
    assert [64 * t.frame + 8 * t.row + t.column for t in match.targets] == indices
    assert all(isinstance(t, Target) and t.frame != frame for t in match.targets)
    assert [t.distance for t in match.targets] == sorted(t.distance for t in match.targets)


def test_optimized_network_matches_the_same(recognizer):
    video = np.random.default_rng(0).integers(0, 255, (8, 24, 32, 3), dtype=np.uint8)
    one = explain_clips(recognizer.model, recognizer.load_clip(video)[None])["core"].of_clip(0)
    other = recognizer.explain(video)
    same = one.proposals.indices == other.modules["core"].proposals.indices
    assert same.float().mean() > 0.99
    strongest = np.unravel_index(int(one.change.argmax()), (len(one.change), *one.grid))
    assert other.ranked("core", 1)[0][:3] == strongest


def test_another_k(recognizer):
    video = two_blocks(20, 30)[0]
    assert recognizer.explain(video, k=2).modules["core"].k == 2
    assert recognizer.explain(video).modules["core"].k == 4
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, got 0"):
        recognizer.explain(video, k=0)
    with pytest.raises(ValueError, match=r"k must be at most \(T-1\)\*S = 192, got 193"):
        recognizer.explain(video, k=193)


def test_causal_modules_have_fewer_proposals():
    recognizer = small_recognizer()
    recognizer.network.core.search.causal = True
    explained = recognizer.explain(two_blocks(20, 30)[0])
    assert explained.match("core", 0, 1, 1).targets == ()
    assert all(target.frame == 0 for target in explained.match("core", 1, 1, 1).targets)


def test_json_says_the_same(recognizer):
    explained = recognizer.explain(two_blocks(20, 30)[0])
    content = json.loads(json.dumps(explained.to_dict(top=3), allow_nan=False))
    assert (content["format"], content["version"]) == (FORMAT, 1)
    assert content["predictions"][0]["label"] == explained.prediction.label
    assert content["frames"]["numbers"] == list(explained.frame_numbers)
    assert tuple(content["region"].values()) == explained.region
    (module,) = content["modules"]
    assert module["grid"] == {"rows": 8, "columns": 8}
    assert (module["name"], module["k"]) == ("core", 4)
    first, _, _ = module["positions"]
    assert first["change"] >= module["positions"][1]["change"]
    targets = explained.match("core", first["frame"], first["row"], first["column"]).targets
    assert [tuple(p.values()) for p in first["proposals"]] == [
        (t.frame, t.row, t.column, t.distance, t.wins) for t in targets
    ]
    assert len(explained.to_dict()["modules"][0]["positions"]) == 4 * 64


def test_mistakes(recognizer, exported, tmp_path):
    explained = recognizer.explain(two_blocks(20, 30)[0])
    with pytest.raises(ValueError, match="module must be one of core, got 'cor', did you mean"):
        explained.box("cor", 0, 0)
    with pytest.raises(ValueError, match=r"row must lie in 0\.\.7, got 8"):
        explained.match("core", 0, 8, 0)
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0"):
        explained.ranked("core", 0)
    with pytest.raises(VideoError, match="nothing.mp4"):
        recognizer.explain(tmp_path / "nothing.mp4")
    with pytest.raises(ValueError, match="does not tell what it matched"):
        Recognizer.from_pretrained(exported).explain(two_blocks(20, 30)[0])
    card = replace(recognizer.card, model="toy_c2d", options={})
    with pytest.raises(ValueError, match="toy_c2d has no CP modules"):
        Recognizer(card.build(), card).explain(two_blocks(20, 30)[0])
