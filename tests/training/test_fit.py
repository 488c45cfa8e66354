import json
import shutil
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from motion_videos import CLASSES, tiny_recipe, write_dataset, write_video
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.models.correspondence import DEFAULT_OFFSET_SCALE
from motionlens.models.registry import model_options
from motionlens.training import epoch_recorder, module
from motionlens.training.build import build_model, make_card
from motionlens.training.clip_configs import AugmentConfig, ClipConfig
from motionlens.training.epoch_recorder import kept_epoch
from motionlens.training.fit import fit
from motionlens.training.recipe import OptimConfig
from motionlens.training.run_folder import CHECKPOINT, RECIPE_FILE
from motionlens.video.frames import VideoWarning


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


def weights(run):
    return load_file(run / "model.safetensors")


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


def interrupt_in_epoch(monkeypatch, epoch):
    """Let training be interrupted in the middle of an epoch, as by Ctrl-C."""
    step = module.TrainingModule.training_step

    def training_step(self, batch, number):
        if self.current_epoch + 1 == epoch and number == 1:
            raise KeyboardInterrupt
        return step(self, batch, number)

    monkeypatch.setattr(module.TrainingModule, "training_step", training_step)


def test_run_folder_and_result(videos, tmp_path, capsys):
    result = fit(tiny_recipe(videos, tmp_path / "run"))
    names = {path.name for path in result.run.iterdir()}
    assert names >= {"recipe.yaml", "versions.json", "config.json", "model.safetensors"}
    assert names >= {"metrics.csv", "checkpoints", "tensorboard"}
    assert [row["epoch"] for row in result.history] == [1, 2]
    assert result.metrics == result.history[-1]
    assert 0 <= result.metrics["validation_accuracy"] <= 1
    printed = capsys.readouterr().out
    assert "cpnet_nano: 5,341 parameters" in printed
    assert "9 training and 3 validation videos" in printed
    assert "epoch 2/2  train loss" in printed
    state = torch.load(result.run / CHECKPOINT, weights_only=True)
    assert ModelCard.from_json(state["motionlens"]["card"]).class_names[0] == "move_left"


def test_the_card_keeps_every_option_of_the_network(videos, tmp_path):
    fit(tiny_recipe(videos, tmp_path / "run"), progress=False)
    card = ModelCard.from_json((tmp_path / "run" / "config.json").read_text())
    assert card.options == json.loads(json.dumps(model_options("cpnet_nano", **card.options)))
    assert card.options["offset_scale"] == DEFAULT_OFFSET_SCALE


def test_norms_learn_their_statistics(videos, tmp_path):
    # Lightning leaves a network in the mode that it finds it in.
    learned = weights(fit(tiny_recipe(videos, tmp_path / "run"), progress=False).run)
    assert learned["bn1.num_batches_tracked"] > 0
    assert learned["bn1.running_mean"].abs().sum() > 0


def test_same_seed_same_weights_and_other_seed_others(videos, tmp_path):
    first = fit(tiny_recipe(videos, tmp_path / "a"), progress=False)
    second = fit(tiny_recipe(videos, tmp_path / "b"), progress=False)
    other = fit(tiny_recipe(videos, tmp_path / "c", seed=1), progress=False)
    assert_same_weights(weights(first.run), weights(second.run))
    name = "conv1.weight"
    assert not torch.equal(weights(first.run)[name], weights(other.run)[name])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    videos, tmp_path, monkeypatch, num_workers
):
    optim = OptimConfig(epochs=4, batch_size=4)
    recipe = tiny_recipe(videos, tmp_path / "whole", optim=optim)
    recipe = replace(recipe, loader=replace(recipe.loader, num_workers=num_workers))
    whole = fit(recipe, progress=False)
    recipe = replace(recipe, out=str(tmp_path / "halves"))
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, progress=False)
    resumed = fit(recipe, resume=True, progress=False)
    assert resumed.history == whole.history
    assert_same_weights(weights(resumed.run), weights(whole.run))


def test_interrupt_can_be_handled_again_afterwards(videos, tmp_path, monkeypatch):
    import signal

    before = signal.getsignal(signal.SIGINT)
    interrupt_in_epoch(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_recipe(videos, tmp_path / "run"), progress=False)
    assert signal.getsignal(signal.SIGINT) is before


def test_resuming_a_finished_run_changes_nothing(videos, tmp_path):
    recipe = tiny_recipe(videos, tmp_path / "run")
    first = fit(recipe, progress=False)
    before = weights(first.run)
    again = fit(recipe, resume=True, progress=False)
    assert again.history == first.history
    assert_same_weights(before, weights(again.run))


def test_validation_every_third_epoch_and_after_the_last(videos, tmp_path):
    optim = OptimConfig(epochs=4, batch_size=16)
    recipe = tiny_recipe(videos, tmp_path / "run", optim=optim, validate_every=3)
    history = fit(recipe, progress=False).history
    assert ["validation_accuracy" in row for row in history] == [False, False, True, True]


def test_kept_epoch_is_the_last_or_the_first_of_the_best():
    history = [{"epoch": i, "validation_accuracy": a} for i, a in enumerate([0.1, 0.9, 0.9, 0.5])]
    assert kept_epoch(history, "last")["epoch"] == 3
    assert kept_epoch(history, "best")["epoch"] == 1
    assert kept_epoch([{"epoch": 1}, *history], "best")["epoch"] == 1
    for row, loss in zip(history, [1.0, 0.5, 0.4, 0.3], strict=True):
        row["validation_loss"] = loss
    assert kept_epoch(history, "best")["epoch"] == 2  # as accurate, and surer


def test_keep_best_keeps_the_weights_of_that_epoch(videos, tmp_path, monkeypatch):
    saved = []
    save = epoch_recorder.save_checkpoint
    monkeypatch.setattr(
        epoch_recorder, "save_checkpoint", lambda *args: (saved.append(1), save(*args))
    )
    optim = OptimConfig(epochs=3, batch_size=4)
    result = fit(tiny_recipe(videos, tmp_path / "run", keep="best", optim=optim), progress=False)
    found = [(r["validation_accuracy"], -r["validation_loss"]) for r in result.history]
    assert result.metrics["validation_accuracy"] == max(found)[0]
    assert len(saved) == sum(one > max(found[:i], default=(-1, 0)) for i, one in enumerate(found))


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_other_settings_run(videos, tmp_path, schedule):
    optim = OptimConfig(
        epochs=1, batch_size=4, schedule=schedule, optimizer="sgd", precision="bf16-mixed"
    )
    result = fit(tiny_recipe(videos, tmp_path / "run", optim=optim), progress=False)
    assert result.metrics["train_loss"] > 0


def refuses(message, recipe):
    with pytest.raises(ValueError, match=message) as caught:
        fit(recipe, progress=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 9999}, r"k must be at most \(T-1\)\*S"),
        ({"model": "cpnet_nan"}, "unknown model 'cpnet_nan', did you mean 'cpnet_nano'"),
        ({"model_options": {"kk": 1}}, "has no option 'kk'"),
        ({"device": "mps" if sys.platform != "darwin" else "cuda"}, "PyTorch finds no device"),
        ({"clip": ClipConfig(size=16, short_side=8)}, "short_side must be at least size = 16"),
        ({"augment": AugmentConfig(horizontal_flip={"move_lef": "static"})}, "move_lef"),
    ],
)
def test_mistakes_are_found_before_the_run_folder_is_made(videos, tmp_path, changes, message):
    refuses(message, tiny_recipe(videos, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_missing_data_is_named(tmp_path):
    refuses("data must be a folder or a list file", tiny_recipe(tmp_path / "nix", tmp_path / "run"))


def test_one_class_is_refused(videos, tmp_path):
    recipe = tiny_recipe(videos, tmp_path / "run")
    with pytest.raises(ValueError, match="at least 2 classes, got 1: static"):
        make_card(recipe, ("static",))


def test_loss_that_is_no_number_stops_the_run(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(
        module.F, "cross_entropy", lambda logits, *_, **__: logits.sum() * float("nan")
    )
    refuses(
        r"the loss must stay a finite number, got nan in epoch 1", tiny_recipe(videos, tmp_path)
    )
    assert not (tmp_path / "model.safetensors").exists()


def test_resume_refuses_other_classes(videos, tmp_path):
    recipe = tiny_recipe(videos, tmp_path / "run")
    fit(recipe, progress=False)
    other = write_dataset(tmp_path / "other", videos_per_class=2)
    (other / "static").rename(other / "standing")
    recipe = replace(recipe, data=str(other), optim=replace(recipe.optim, epochs=3))
    with pytest.raises(ValueError, match="must be of the same model, classes and clip"):
        fit(recipe, resume=True, progress=False)


def test_card_takes_the_models_clip_where_the_recipe_is_silent(tmp_path):
    recipe = tiny_recipe(tmp_path, tmp_path, clip=ClipConfig(num_frames=6), model_options={}, k=3)
    card = make_card(recipe, ("a", "b"))
    # 8 frames with a stride of 3 at 30 frames per second, in a new number of frames.
    assert (card.sampling, card.preprocessing) == (Sampling(6, seconds=0.8), Preprocessing(64, 64))
    assert card.options["k"] == 3
    assert build_model(card)(torch.zeros(1, 3, 6, 64, 64)).shape == (1, 2)


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (ClipConfig(seconds=2), Sampling(8, seconds=2)),
        (ClipConfig(fps=4), Sampling(8, seconds=2.0)),
        (ClipConfig(fps=5, num_frames=4), Sampling(4, seconds=0.8)),
        (ClipConfig(seconds="whole"), Sampling(8, seconds="whole")),
        (ClipConfig(frame_stride=2), Sampling(8, 2)),
        (ClipConfig(mode="segments"), Sampling(8, mode="segments")),
    ],
)
def test_how_long_a_clip_is(tmp_path, clip, expected):
    assert make_card(tiny_recipe(tmp_path, tmp_path, clip=clip), ("a", "b")).sampling == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seconds": 1.0, "fps": 2}, r"clip\.seconds and clip\.fps exclude each other"),
        ({"seconds": 1.0, "frame_stride": 2}, r"clip\.seconds and clip\.frame_stride exclude"),
        ({"mode": "segments", "seconds": 1.0}, r"clip\.mode segments and clip\.seconds exclude"),
        ({"seconds": 0}, r"clip\.seconds must be"),
        ({"fps": 0}, r"clip\.fps must be"),
    ],
)
def test_lengths_that_exclude_each_other(values, message):
    with pytest.raises(ValueError, match=message):
        ClipConfig(**values)


def test_a_run_that_began_with_strides_goes_on_with_them(videos, tmp_path):
    """Runs from before clips had seconds say nothing about them in their recipes."""
    recipe = tiny_recipe(videos, tmp_path / "run", clip=ClipConfig(num_frames=4, size=16))
    fit(replace(recipe, optim=replace(recipe.optim, epochs=1)), progress=False)
    path = tmp_path / "run" / "config.json"
    values = json.loads(path.read_text())
    assert values.pop("seconds") == "whole"
    stored = tmp_path / "run" / RECIPE_FILE
    text = stored.read_text()
    stored.write_text(text.replace("  seconds: whole\n", ""))
    assert stored.read_text() != text
    path.write_text(json.dumps({**values, "frame_stride": 2}))
    checkpoint = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    card = ModelCard.from_json(path.read_text())
    checkpoint["motionlens"]["card"] = card.to_json()
    torch.save(checkpoint, tmp_path / "run" / CHECKPOINT)
    fit(replace(recipe, optim=replace(recipe.optim, epochs=2)), resume=True, progress=False)
    assert ModelCard.from_json(path.read_text()).sampling == Sampling(4, 2)


def test_frame_rates_are_printed_and_strides_over_mixed_ones_warned_of(tmp_path, capsys):
    for label in ("move_left", "static"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "data" / label / f"{number}.mp4"
            write_video(path, CLASSES[label], seed=number, fps=10 if number % 2 else 50)
    optim = OptimConfig(epochs=1, batch_size=4)
    clip = ClipConfig(num_frames=4, size=16)
    in_seconds = replace(clip, seconds=0.8)
    common = {"optim": optim, "augment": AugmentConfig()}
    fit(tiny_recipe(tmp_path / "data", tmp_path / "a", clip=in_seconds, **common))
    printed = capsys.readouterr().out
    assert "clips of 4 frames in 0.8 s" in printed
    assert "frame rates: 10 frames/s (" in printed or "frame rates: 50 frames/s (" in printed
    assert "warning" not in printed
    counted = replace(clip, frame_stride=2)
    fit(tiny_recipe(tmp_path / "data", tmp_path / "b", clip=counted, **common))
    assert "warning: clips count frames (clip.frame_stride 2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "off"), [("time_jitter", 0.3, 0), ("min_length", 0.8, 1)]
)
def test_moves_in_time_are_for_clips_in_seconds(name, value, off, videos, tmp_path):
    augment = AugmentConfig(**{name: value})
    counted = tiny_recipe(
        videos, tmp_path / "run", augment=augment, clip=ClipConfig(frame_stride=2)
    )
    expected = rf"augment\.{name} moves frames in time, but .* set augment\.{name} to {off}"
    with pytest.raises(ValueError, match=expected):
        fit(counted)
    assert not (tmp_path / "run").exists()


def test_fine_tuning_keeps_what_is_known_of_the_start(videos, tmp_path, capsys):
    options = {"widths": [8, 8, 8, 8], "modules": {"res3": 1}, "offset_scale": 2.0}
    clip = ClipConfig(num_frames=3, frame_stride=1, size=24, short_side=28)
    first = fit(tiny_recipe(videos, tmp_path / "a", model_options=options, clip=clip))
    # Another data set, of which one class is known.
    other = tmp_path / "other"
    shutil.copytree(videos / "static", other / "static")
    shutil.copytree(videos / "move_left", other / "wave")
    capsys.readouterr()
    recipe = replace(
        tiny_recipe(other, tmp_path / "b", k=None, model_options={}, clip=ClipConfig()),
        init=str(first.run),
        augment=AugmentConfig(),
        optim=OptimConfig(epochs=1, batch_size=4, lr=1e-9, weight_decay=0, fit_head=False),
    )
    second = fit(recipe)
    printed = capsys.readouterr().out
    assert f"starts from {first.run}: " in printed
    assert "rows of the head taken for 1 classes of these names" in printed
    card = ModelCard.from_json((second.run / "config.json").read_text())
    assert card.options["offset_scale"] == 2
    assert (card.sampling, card.preprocessing) == (Sampling(3, 1), Preprocessing(24, 28))
    before, after = weights(first.run), weights(second.run)
    torch.testing.assert_close(after["layer1.0.conv1.weight"], before["layer1.0.conv1.weight"])
    name = "layer2.0.before_relu.mlp.0.linear.weight"
    torch.testing.assert_close(after[name], before[name])
    torch.testing.assert_close(after["fc.weight"][0], before["fc.weight"][2])


def test_a_resumed_run_does_not_need_what_it_started_from(videos, tmp_path, monkeypatch):
    start = fit(tiny_recipe(videos, tmp_path / "start"), progress=False).run
    whole = fit(tiny_recipe(videos, tmp_path / "a", init=str(start)), progress=False).run
    recipe = tiny_recipe(videos, tmp_path / "b", init=str(start))
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, progress=False)
    shutil.rmtree(start)
    assert_same_weights(weights(whole), weights(fit(recipe, resume=True, progress=False).run))


def test_the_licence_of_the_start_goes_along(videos, tmp_path):
    start = fit(tiny_recipe(videos, tmp_path / "start"), progress=False).run
    card = ModelCard.from_json((start / "config.json").read_text())
    (start / "config.json").write_text(replace(card, license="CC-BY-NC-SA-4.0").to_json())
    run = fit(tiny_recipe(videos, tmp_path / "run", init=str(start)), progress=False).run
    assert json.loads((run / "config.json").read_text())["license"] == "CC-BY-NC-SA-4.0"


def test_a_start_that_does_not_fit_leaves_no_trace(videos, tmp_path):
    start = fit(tiny_recipe(videos, tmp_path / "start"), progress=False).run
    recipe = tiny_recipe(videos, tmp_path / "run", model="c2d_resnet18", k=None, model_options={})
    with pytest.raises(
        ValueError, match="must hold weights of the model's own backbone.*cpnet_nano"
    ):
        fit(replace(recipe, init=str(start)), progress=False)
    assert not (tmp_path / "run").exists()


def test_bad_data_does_not_cost_the_run_that_was_to_be_replaced(videos, tmp_path):
    run = fit(tiny_recipe(videos, tmp_path / "run"), progress=False).run
    before = weights(run)
    broken = tmp_path / "broken"
    shutil.copytree(videos, broken)
    for path in broken.glob("*/*.mp4"):
        path.write_text("no video")
    with pytest.raises(ValueError, match=r"\.mp4"):
        fit(tiny_recipe(broken, run), overwrite=True, progress=False)
    assert_same_weights(weights(run), before)
    with pytest.raises(ValueError, match=r"\.mp4"):
        fit(tiny_recipe(broken, tmp_path / "new"), progress=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [b"junk", None], ids=["foreign", "truncated"])
def test_a_damaged_checkpoint_is_named(videos, tmp_path, content):
    recipe = tiny_recipe(videos, tmp_path / "run", optim=OptimConfig(epochs=1, batch_size=4))
    path = fit(recipe, progress=False).run / CHECKPOINT
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(ValueError, match=r"last.ckpt is damaged: .*; start anew with --overwrite"):
        fit(recipe, resume=True, progress=False)


def test_a_video_of_one_frame_is_warned_of(videos, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(videos, data)
    write_video(data / "static" / "0.mp4", (0, 0), seed=0, num_frames=1)
    recipe = tiny_recipe(data, tmp_path / "run", optim=OptimConfig(epochs=1, batch_size=4))
    with pytest.warns(VideoWarning, match="0.mp4: the video has one frame, which is repeated"):
        fit(recipe, progress=False)
