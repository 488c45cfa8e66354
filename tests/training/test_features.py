"""What recipes can ask for beyond the plain way, each trained on generated clips."""

import csv
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from motion_videos import tiny_recipe, write_dataset
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.prepared import PreparedSet, save_description, save_part
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.training import epoch_recorder, module
from motionlens.training.epoch_recorder import has_stalled
from motionlens.training.fit import fit
from motionlens.training.optimizer import lr_factor
from motionlens.training.recipe import LoaderConfig, LogConfig, OptimConfig
from motionlens.training.run_folder import CHECKPOINT


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


def weights(run):
    return load_file(run / "model.safetensors")


def assert_equal(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], msg=name, **tolerance)


EXACT = {"rtol": 0, "atol": 0}
PLAIN = OptimConfig(
    epochs=2, batch_size=4, optimizer="sgd", schedule="constant", warmup=0, lr=0.02, grad_clip=0
)


def without_dropout(recipe):
    return replace(recipe, model_options={**recipe.model_options, "dropout": 0.0})


def write_list(path, videos, labels):
    path.write_text(
        "path,label\n" + "".join(f"{videos / video},{label}\n" for video, label in labels.items())
    )
    return path


def several_labels(videos, tmp_path):
    """Videos of which some show two classes."""
    labels = {f"move_left/{i}.mp4": "left|moves" for i in range(3)}
    labels |= {f"move_right/{i}.mp4": "right|moves" for i in range(3)}
    labels |= {f"static/{i}.mp4": "still" for i in range(2)}
    train = write_list(tmp_path / "train.csv", videos, labels)
    held_out = {"move_left/3.mp4": "left|moves", "move_right/3.mp4": "moves|right"}
    held_out["static/3.mp4"] = "still"
    return train, write_list(tmp_path / "validation.csv", videos, held_out)


def multi_label_recipe(videos, tmp_path, **changes):
    train, validation = several_labels(videos, tmp_path)
    recipe = tiny_recipe(train, tmp_path / "run", validation=str(validation), **changes)
    swap = {"left": "right"}
    return replace(recipe, augment=replace(recipe.augment, horizontal_flip=swap))


def test_several_labels(videos, tmp_path, capsys):
    recipe = multi_label_recipe(videos, tmp_path, keep="best")
    result = fit(recipe)
    assert "validation mAP" in capsys.readouterr().out
    names = {"epoch", "train_loss", "validation_loss", "validation_map", "lr"}
    assert all(row.keys() == names for row in result.history)
    best = max(row["validation_map"] for row in result.history)
    assert result.metrics["validation_map"] == best
    card = ModelCard.from_json((result.run / "config.json").read_text())
    assert card.multi_label
    assert card.class_names == ("left", "moves", "right", "still")


def test_several_labels_are_measured_by_torchmetrics_definition(videos, tmp_path):
    from torchmetrics.classification import MultilabelAveragePrecision

    from motionlens.clips.training_loader import ClipDataset
    from motionlens.datasets.parts import open_parts

    recipe = multi_label_recipe(videos, tmp_path, log=LogConfig(clips=0))
    result = fit(recipe, progress=False)
    model, card = load_checkpoint(result.run)
    _, validation = open_parts(recipe.source)
    dataset = ClipDataset(validation, card.sampling, card.preprocessing)
    items = [dataset[i] for i in range(len(dataset))]
    with torch.inference_mode():
        logits = model(torch.stack([item["clip"] for item in items]))
    targets = torch.stack([item["label"] for item in items])
    metric = MultilabelAveragePrecision(4)
    assert result.metrics["validation_map"] == pytest.approx(float(metric(logits, targets.int())))
    loss = nn.functional.binary_cross_entropy_with_logits(logits, targets)
    assert result.metrics["validation_loss"] == pytest.approx(float(loss), rel=1e-5)


def test_a_video_without_a_label_is_refused_where_each_has_one(videos, tmp_path):
    prepared = PreparedSet(name="mine", class_names=("a", "b"), root=str(videos))
    entries = [ListEntry("static/0.mp4", "a"), ListEntry("static/1.mp4", "b")]
    held_out = [ListEntry("move_left/0.mp4", "a"), ListEntry("move_left/1.mp4", "b")]
    save_part(tmp_path, "validation", held_out, [None] * 2)
    entries.append(ListEntry("static/2.mp4", ""))
    save_part(tmp_path, "train", entries, [None] * 3)
    save_description(tmp_path, prepared)
    recipe = tiny_recipe(tmp_path, tmp_path / "run")
    recipe = replace(recipe, augment=replace(recipe.augment, horizontal_flip=None))
    with pytest.raises(ValueError, match="training video must have a label, 1 of 3 .*2.mp4"):
        fit(recipe, progress=False)
    assert not (tmp_path / "run").exists()
    # Where videos may show several classes, one may show none.
    save_description(tmp_path, replace(prepared, multi_label=True))
    assert "validation_map" in fit(recipe, progress=False).metrics
    # The mean is over classes that are shown at all.
    save_part(tmp_path, "validation", held_out[:1], [None])
    history = fit(recipe, overwrite=True, progress=False).history
    assert [row["validation_map"] for row in history] == [1.0, 1.0]
    save_part(tmp_path, "validation", [ListEntry("move_left/2.mp4", "")], [None])
    history = fit(recipe, overwrite=True, progress=False).history
    assert [row["validation_map"] for row in history] == [0.0, 0.0]


def test_accumulated_batches_make_the_step_of_a_large_one(videos, tmp_path, monkeypatch):
    # Norms in inference: else each batch has its own statistics. 9 clips: the last step has one.
    evaluate = module.TrainingModule.on_train_epoch_start

    def frozen(self):
        evaluate(self)
        for norm in self.model.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                norm.eval()

    monkeypatch.setattr(module.TrainingModule, "on_train_epoch_start", frozen)
    large = without_dropout(tiny_recipe(videos, tmp_path / "a", optim=PLAIN))
    small = replace(large, out=str(tmp_path / "b"))
    small = replace(small, optim=replace(PLAIN, batch_size=2, accumulate=2))
    first, second = (fit(recipe, progress=False) for recipe in (large, small))
    assert_equal(weights(first.run), weights(second.run), rtol=1e-4, atol=1e-6)
    for one, other in zip(first.history, second.history, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_the_average_is_what_is_validated_and_kept(videos, tmp_path):
    recipe = tiny_recipe(videos, tmp_path / "run", optim=replace(PLAIN, ema_decay=0.7))
    result = fit(recipe, progress=False)
    plain = fit(replace(recipe, out=str(tmp_path / "plain"), optim=PLAIN), progress=False)
    state = torch.load(result.run / CHECKPOINT, weights_only=True)
    kept = weights(result.run)
    average = {n.removeprefix("model."): v for n, v in state["state_dict"].items()}
    assert_equal(kept, {name: average[name] for name in kept}, **EXACT)
    # The weights that learn are those of a run without an average.
    learned = {n.removeprefix("model."): v for n, v in state["current_model_state"].items()}
    assert_equal({name: learned[name] for name in kept}, weights(plain.run), **EXACT)
    assert not torch.equal(kept["fc.weight"], learned["fc.weight"])
    assert state["averaging_state"]["n_averaged"] == 6
    report = [row["validation_loss"] for row in result.history]
    assert report != [row["validation_loss"] for row in plain.history]


def test_recomputed_blocks_learn_the_same(videos, tmp_path):
    recipe = tiny_recipe(videos, tmp_path / "a")
    other = replace(recipe, out=str(tmp_path / "b"))
    other = replace(other, optim=replace(recipe.optim, checkpoint_activations=True))
    runs = [fit(one, progress=False).run for one in (recipe, other)]
    assert_equal(weights(runs[0]), weights(runs[1]), **EXACT)


def test_a_model_without_blocks_cannot_be_recomputed(videos, tmp_path):
    optim = OptimConfig(checkpoint_activations=True)
    recipe = tiny_recipe(videos, tmp_path / "run", optim=optim, model="toy_cpnet", model_options={})
    with pytest.raises(ValueError, match="checkpoint_activations needs a model of residual blocks"):
        fit(recipe, progress=False)


@pytest.mark.slow
def test_a_compiled_network_has_the_same_names(videos, tmp_path, monkeypatch):
    compiled = []

    def compile_eagerly(self):
        compiled.append(self)
        self._compiled_call_impl = torch.compile(self._call_impl, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", compile_eagerly)
    recipe = tiny_recipe(videos, tmp_path / "a", optim=OptimConfig(epochs=1, batch_size=4))
    other = replace(recipe, out=str(tmp_path / "b"), optim=replace(recipe.optim, compile=True))
    runs = [fit(one, progress=False).run for one in (recipe, other)]
    assert len(compiled) == 1
    # AdamW makes a good part of a step of what is but rounding in a small gradient.
    assert_equal(weights(runs[0]), weights(runs[1]), rtol=1e-4, atol=3e-4)
    load_checkpoint(runs[1])


def test_balanced_classes(videos, tmp_path, monkeypatch):
    data = tmp_path / "data"
    shutil.copytree(videos, data)
    for number in (1, 2, 3):
        (data / "static" / f"{number}.mp4").unlink()
    shutil.copytree(videos / "static", data / "more")  # its first video validates
    labels = []
    step = module.TrainingModule.training_step

    def counting(self, batch, number):
        labels.extend(batch["label"].tolist())
        return step(self, batch, number)

    monkeypatch.setattr(module.TrainingModule, "training_step", counting)
    recipe = tiny_recipe(data, tmp_path / "run", optim=OptimConfig(epochs=1, batch_size=4))
    recipe = replace(
        recipe, validation=str(videos), augment=replace(recipe.augment, horizontal_flip=None)
    )
    fit(replace(recipe, loader=LoaderConfig(num_workers=0, balanced=True)), progress=False)
    counts = [labels.count(label) for label in range(4)]
    assert sum(counts) == 13
    assert max(counts) - min(counts) <= 1


def test_several_labels_cannot_be_balanced(videos, tmp_path):
    recipe = multi_label_recipe(videos, tmp_path, loader=LoaderConfig(num_workers=0, balanced=True))
    with pytest.raises(ValueError, match="classes can only be balanced where every video has one"):
        fit(recipe, progress=False)


@pytest.mark.parametrize(
    ("figures", "patience", "stalled"),
    [
        ([0.1, 0.2, 0.2], 1, True),
        ([0.1, 0.2, 0.2], 2, False),
        ([0.3, 0.2, 0.1], 2, True),
        ([0.3, 0.2, 0.4], 2, False),
        ([], 1, False),
        ([0.3, 0.2, 0.1], None, False),
    ],
)
def test_when_a_run_has_stalled(figures, patience, stalled):
    history = [{"epoch": 0.0}] + [{"validation_accuracy": figure} for figure in figures]
    assert has_stalled(history, patience) is stalled


@pytest.mark.parametrize(
    ("losses", "stalled"), [([2.0, 1.9, 1.8], False), ([2.0, 2.1, 2.2], True), ([2, 1.9, 2], False)]
)
def test_a_loss_that_falls_is_not_stalled(losses, stalled):
    """As at chance, where training begins: 50 videos of 10 classes stay at one accuracy."""
    history = [{"validation_accuracy": 0.1, "validation_loss": loss} for loss in losses]
    assert has_stalled(history, 2) is stalled


def test_a_run_stops_early_and_stays_stopped(videos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(epoch_recorder, "figure_of", lambda row: 0.5)
    recipe = tiny_recipe(
        videos, tmp_path / "run", patience=2, optim=OptimConfig(epochs=9, batch_size=16)
    )
    assert len(fit(recipe).history) == 3
    assert "stopped: 2 validations brought nothing better" in capsys.readouterr().out
    assert len(fit(recipe, resume=True).history) == 3


def test_pictures(videos, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    recipe = tiny_recipe(videos, tmp_path / "run", log=LogConfig(clips=2))
    result = fit(recipe, progress=False)
    seen = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    seen.Reload()
    tags = sorted(seen.Tags()["images"])
    assert tags == ["validation_clips/0", "validation_clips/1", "validation_confusion"]
    assert [event.step for event in seen.Images("validation_confusion")] == [3, 6]
    # Names beside and above the matrix of three classes.
    confusion = seen.Images("validation_confusion")[0]
    assert min(confusion.width, confusion.height) > 3 * 24 + 40
    rates = [(event.step, event.value) for event in seen.Scalars("lr")]
    expected = [lr_factor(step, 6, recipe.optim) * recipe.optim.lr for step in (0, 2, 5)]
    assert [step for step, _ in rates] == [0, 2, 5]
    assert [rate for _, rate in rates] == pytest.approx(expected)
    # The column has the rate of the epoch's last step, not of the one after it.
    assert [row["lr"] for row in result.history] == pytest.approx(expected[1:])
    session = seen.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    given = HParamsPluginData.FromString(session).session_start_info.hparams
    assert given["optim.batch_size"].number_value == recipe.optim.batch_size
    assert given["model"].string_value == "cpnet_nano"
    experiment = seen.summary_metadata["_hparams_/experiment"].plugin_data.content
    infos = HParamsPluginData.FromString(experiment).experiment.metric_infos
    assert [info.name.tag for info in infos] == ["validation_accuracy"]
    assert len(seen.Scalars("validation_accuracy")) == 2
    strip = seen.Images("validation_clips/0")[0]
    assert (strip.width, strip.height) == (4 * 16 + 6, 16 + 6)

    quiet = replace(recipe, out=str(tmp_path / "b"), log=LogConfig(confusion=False, clips=0))
    fit(quiet, progress=False)
    seen = EventAccumulator(str(tmp_path / "b" / "tensorboard"))
    seen.Reload()
    assert seen.Tags()["images"] == []
    assert_equal(weights(tmp_path / "run"), weights(tmp_path / "b"), **EXACT)


@pytest.fixture
def partly_broken(videos, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(videos, data)
    for path in sorted(data.glob("static/*.mp4"))[:2] + sorted(data.glob("move_left/*.mp4"))[:1]:
        path.write_text("no video")
    return data


def test_broken_videos_are_listed_and_left_out(partly_broken, tmp_path, capsys):
    recipe = tiny_recipe(partly_broken, tmp_path / "run")
    with pytest.raises(ValueError, match=r"\.mp4"):
        fit(recipe, progress=False)
    recipe = replace(recipe, loader=LoaderConfig(num_workers=0, skip_broken=True))
    run = fit(recipe).run
    assert "3 videos cannot be read: " in capsys.readouterr().out
    with (run / "broken.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all("no video" not in row["reason"] and row["reason"] for row in rows)
    # What could be read since then is still left out: the run goes on with the same clips.
    for row in rows:
        shutil.copy(partly_broken / "move_right" / "0.mp4", row["path"])
    longer = replace(recipe, optim=replace(recipe.optim, epochs=3))
    again = replace(longer, out=str(tmp_path / "again"))
    with pytest.warns(UserWarning, match="the data of this run have changed .*3 videos replaced"):
        fit(longer, resume=True)
    assert "3 videos cannot be read: " in capsys.readouterr().out
    fit(again)
    assert "cannot be read" not in capsys.readouterr().out


def test_a_part_without_a_readable_video_is_refused(videos, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(videos, data / "train")
    shutil.copytree(videos, data / "val")
    for path in (data / "val").glob("*/*.mp4"):
        path.write_text("no video")
    recipe = tiny_recipe(
        data, tmp_path / "run", loader=LoaderConfig(num_workers=0, skip_broken=True)
    )
    with pytest.raises(ValueError, match="no validation video can be read; the first of 12 broken"):
        fit(recipe, progress=False)
    assert not (tmp_path / "run").exists()
