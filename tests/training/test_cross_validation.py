import json
import shutil

import pytest

from motion_videos import tiny_recipe, write_dataset
from motionlens.training.cross_validation import FoldsResult, cross_validate


def test_summary(tmp_path):
    result = FoldsResult(
        out=tmp_path,
        metric="validation_accuracy",
        values=(0.5, 0.6, 0.7, 0.8, 0.9),
        num_validated=(10, 10, 10, 10, 11),
        group="person",
        is_best=True,
    )
    assert result.mean == pytest.approx(0.7)
    # 2.776 * 0.158114 / sqrt(5)
    assert result.interval == pytest.approx((0.7 - 0.196293, 0.7 + 0.196293), abs=1e-5)
    page = result.to_markdown()
    assert "| fold5 |                11 |   90.0 % |" in page
    assert "Mean accuracy 70.0 %, 95 % interval 50.4 to 89.6 %, over 5 folds of videos kept" in page
    assert "optimistic" in page
    assert json.loads(result.to_json())["interval"] == pytest.approx([0.503707, 0.896293], abs=1e-5)


@pytest.fixture
def recipe(tmp_path):
    data = write_dataset(tmp_path / "videos", videos_per_class=4)
    return tiny_recipe(data, tmp_path / "folds")


def test_folds_are_trained_and_resumed(recipe, tmp_path, motionlens_command):
    out = tmp_path / "folds"
    said = []
    result = cross_validate(recipe, 2, progress=False, say=said.append)
    assert len(said) == 2
    assert sum(result.num_validated) == 12
    stored = json.loads((out / "folds.json").read_text())
    assert stored["values"] == list(result.values)
    weights = [(out / f"fold{n}" / "model.safetensors").read_bytes() for n in (1, 2)]
    shutil.rmtree(out / "fold2")
    (out / "folds.json").write_text('{"folds": 2, "values": []}')
    status, shown, err = motionlens_command("train", "--out", out, "--resume")
    assert (status, err) == (0, "")
    assert f"Mean accuracy {100 * result.mean:.1f} %" in shown
    assert [(out / f"fold{n}" / "model.safetensors").read_bytes() for n in (1, 2)] == weights
    # Each fold is a run of its own, which is evaluated on its fold.
    status, shown, _ = motionlens_command("evaluate", out / "fold1", "--json", "--device", "cpu")
    assert status == 0
    assert json.loads(shown)["num_videos"] == result.num_validated[0]
    with pytest.raises(ValueError, match="out must not hold a run yet, .* --resume to go on with"):
        cross_validate(recipe, 2)
    with pytest.raises(ValueError, match="must hold 3 folds to resume, it holds 2"):
        cross_validate(recipe, 3, resume=True)


@pytest.mark.parametrize("folds", [1, 21])
def test_refuses_other_numbers(recipe, folds):
    with pytest.raises(ValueError, match="folds must be"):
        cross_validate(recipe, folds)


def test_what_is_refused_leaves_nothing_behind(recipe, tmp_path):
    grouped = recipe.with_(**{"listing.group": "([0-9]).mp4"})
    with pytest.raises(ValueError, match="folds must be at most the number of groups, got 9 of 4"):
        cross_validate(grouped, 9)
    with pytest.raises(ValueError, match="nowhere"):
        cross_validate(recipe.with_(init=str(tmp_path / "nowhere")), 2)
    assert not (tmp_path / "folds").exists()
