import pytest
import torch

from cpnet.models.card import ModelCard
from cpnet.models.registry import create_model
from cpnet.models.weights import (
    CARD_FILE,
    WEIGHTS_FILE,
    inflate,
    load_checkpoint,
    save_checkpoint,
)


@pytest.fixture
def saved(tmp_path):
    card = ModelCard(
        model="toy_cpnet",
        class_names=("a", "b"),
        num_frames=4,
        frame_stride=1,
        size=32,
        short_side=32,
        options={"k": 2},
    )
    model = card.build().eval()
    save_checkpoint(tmp_path / "run", model, card)
    return tmp_path / "run", model, card


def test_round_trip(saved):
    folder, model, card = saved
    loaded, loaded_card = load_checkpoint(folder)
    assert loaded_card == card
    assert not loaded.training
    clip = torch.randn(1, 3, 4, 32, 32)
    assert torch.equal(loaded(clip), model(clip))
    assert sorted(path.name for path in folder.iterdir()) == [CARD_FILE, WEIGHTS_FILE]


@pytest.mark.parametrize("name", [CARD_FILE, WEIGHTS_FILE])
def test_missing_file(saved, name):
    (saved[0] / name).unlink()
    with pytest.raises(
        ValueError, match=f"holds no {name}; give a folder that 'cpnet train' wrote"
    ):
        load_checkpoint(saved[0])


def test_truncated_weights(saved):
    path = saved[0] / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged: .*; copy it again"):
        load_checkpoint(saved[0])


def test_weights_of_another_network(saved):
    folder, _, card = saved
    path = folder / CARD_FILE
    path.write_text(
        card.to_json().replace("toy_cpnet", "toy_c2d").replace('"k": 2', '"head": "avg"')
    )
    with pytest.raises(ValueError, match="not hold the weights of toy_c2d: .* the first is core"):
        load_checkpoint(folder)


def test_altered_card(saved):
    path = saved[0] / CARD_FILE
    path.write_text("not json")
    with pytest.raises(ValueError, match="config.json cannot be used: a model card must be JSON"):
        load_checkpoint(saved[0])


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    folder, model, card = saved
    before = (folder / WEIGHTS_FILE).read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(folder, model, card)
    assert (folder / WEIGHTS_FILE).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [CARD_FILE, WEIGHTS_FILE]


def test_an_inflated_network_sees_a_still_video_as_its_frame():
    torch.manual_seed(0)
    plain = create_model("c2d_nano", num_classes=3).eval()
    deep = create_model("c3d_nano", num_classes=3).eval()
    deep.load_state_dict(inflate(plain.state_dict(), deep))
    still = torch.randn(1, 3, 1, 32, 32).expand(-1, -1, 25, -1, -1)
    x, y = still[:, :, 0], still
    for name in ("conv1", "bn1", "relu"):
        x, y = plain.get_submodule(name)(x), deep.get_submodule(name)(y)
    for (_, block), (_, deep_block) in zip(plain.blocks(), deep.blocks(), strict=True):
        x, y = block(x, 1), deep_block(y, 25)
    # 9 convolutions of 3 frames reach 9 frames in from either end.
    torch.testing.assert_close(y[:, :, 12], x, rtol=1e-4, atol=1e-5)


def test_a_kernel_of_another_size_is_not_inflated():
    deep = create_model("c3d_nano", num_classes=3)
    with pytest.raises(ValueError, match=r"conv1.weight must have shape \(16, 3, 3, 3\)"):
        inflate({"conv1.weight": torch.zeros(16, 3, 7, 7)}, deep)
