import pytest
import torch
import torch.nn.functional as F

from motion_videos import CLASSES, tiny_recipe, write_dataset
from motionlens.datasets.parts import open_all
from motionlens.datasets.source import ListingConfig
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.training import fit as fit_module
from motionlens.training.build import make_start
from motionlens.training.fit import fit
from motionlens.training.head import fit_head, fitted_linear, has_new_classes
from motionlens.video.frames import VideoError


def separable(num_classes=3, n=60, D=5):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % num_classes
    centres = 4 * torch.randn(num_classes, D, generator=generator)
    features = centres[labels] + 0.1 * torch.randn(n, D, generator=generator)
    return 100 + features, labels


def test_a_linear_layer_that_tells_classes_apart():
    features, labels = separable()
    weight, bias = fitted_linear(features, labels, 3)
    assert (F.linear(features, weight, bias).argmax(1) == labels).all()


def test_its_gradient_vanishes_where_features_have_unit_variance():
    features, labels = separable()
    features = features[:, :2] + torch.randn(60, 2, generator=torch.Generator().manual_seed(1))
    features = (features - features.mean(0)) / features.std(0, correction=0)
    weight, bias = (x.requires_grad_() for x in fitted_linear(features, labels, 3))
    loss = F.cross_entropy(F.linear(features, weight, bias), labels)
    (loss + 0.03 * weight.square().sum()).backward()
    assert max(weight.grad.abs().max(), bias.grad.abs().max()) < 1e-3


def test_several_labels():
    features, labels = separable()
    targets = F.one_hot(labels, 3).float()
    targets[:, 1] = 1
    found = F.linear(features, *fitted_linear(features, targets, 3)) > 0
    assert torch.equal(found, targets.bool())


def test_a_feature_that_never_changes_gets_no_weight():
    features, labels = separable()
    features[:, 2] = 7
    weight, bias = fitted_linear(features, labels, 3)
    assert weight[:, 2].abs().max() == 0
    assert bias.isfinite().all()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def trained(videos, tmp_path_factory):
    """A run that knows other names for the same motions."""
    out = tmp_path_factory.mktemp("runs") / "first"
    fit(tiny_recipe(videos, out).with_(**{"optim.epochs": 1}), progress=False)
    return out


def renamed(videos, tmp_path, count=2):
    lines = [
        f"{path},{'to_the_left' if path.parent.name == 'move_left' else 'elsewhere'}"
        for path in sorted(videos.rglob("*.mp4"))
        if path.parent.name in list(CLASSES)[:count]
    ]
    table = tmp_path / "renamed.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def started(videos, tmp_path, trained, **changes):
    table = renamed(videos, tmp_path)
    recipe = tiny_recipe(table, tmp_path / "run").with_(
        **{"init": str(trained), "augment.horizontal_flip": None, **changes}
    )
    return recipe, make_start(recipe)


def test_the_head_alone_is_changed(videos, tmp_path, trained):
    _, start = started(videos, tmp_path, trained)
    assert has_new_classes(start.model, start.report)
    before = {name: value.clone() for name, value in start.model.state_dict().items()}
    line = fit_head(start.model, start.card, start.train)
    assert line == f"the head starts fitted to {len(start.train)} clips as these weights see them"
    assert start.model.training
    changed = {n for n, v in start.model.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == {"fc.weight", "fc.bias"}


def test_known_classes_keep_their_head(videos, tmp_path, trained):
    recipe = tiny_recipe(videos, tmp_path / "run").with_(init=str(trained))
    start = make_start(recipe)
    assert not has_new_classes(start.model, start.report)
    fresh = make_start(recipe.with_(init="none"))
    assert not has_new_classes(fresh.model, fresh.report)


@pytest.mark.parametrize("is_wanted", [True, False])
def test_training_begins_with_it(is_wanted, videos, tmp_path, trained, capsys):
    recipe, _ = started(videos, tmp_path, trained, **{"optim.fit_head": is_wanted})
    recipe = recipe.with_(**{"optim.epochs": 1, "optim.lr": 1e-12})
    fit(recipe)
    assert ("the head starts fitted to" in capsys.readouterr().out) == is_wanted
    weights = load_checkpoint(recipe.out)[0].state_dict()
    _, start = started(videos, tmp_path, trained)
    if is_wanted:
        fit_head(start.model, start.card, start.train)
    torch.testing.assert_close(weights["fc.weight"], start.model.state_dict()["fc.weight"])


def test_a_resumed_run_goes_on_with_the_head_that_it_has(videos, tmp_path, trained, monkeypatch):
    recipe, _ = started(videos, tmp_path, trained)
    fit(recipe.with_(**{"optim.epochs": 1}), progress=False)
    monkeypatch.setattr(fit_module, "fit_head", None)
    assert len(fit(recipe, resume=True, progress=False).history) == 2


def test_broken_videos(videos, tmp_path, trained):
    _, start = started(videos, tmp_path, trained)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    paths = [str(start.train.path(i)) for i in range(len(start.train))]
    table = tmp_path / "with_broken.csv"
    labels = [start.card.class_names[label] for label in start.train.labels]
    lines = [f"{path},{label}" for path, label in zip(paths, labels, strict=True)]
    table.write_text("\n".join([*lines, f"{broken},elsewhere"]) + "\n")
    index = open_all(table, ListingConfig())
    with pytest.raises(VideoError, match="broken"):
        fit_head(start.model, start.card, index)
    assert f"{len(paths)} clips" in fit_head(start.model, start.card, index, skip_broken=True)
