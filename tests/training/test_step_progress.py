from types import SimpleNamespace

import pytest

from motionlens.training.step_progress import StepProgress


def test_batches_are_shown_and_the_time_is_said_once():
    times = iter([10.0, 12.0, 14.0, 16.0, 18.0, 20.0])
    shown, said = [], []
    steps = StepProgress(lambda *values: shown.append(values), said.append, lambda: next(times))
    trainer = SimpleNamespace(current_epoch=0, max_epochs=3, num_training_batches=5)
    steps.on_train_epoch_start(trainer, None)
    for batch in range(5):
        steps.on_train_batch_end(trainer, None, None, None, batch)
    trainer.current_epoch = 1
    steps.on_train_epoch_start(trainer, None)
    steps.on_train_batch_end(trainer, None, None, None, 0)
    assert shown[:2] == [(0, 15, "epoch 1/3"), (1, 15, "epoch 1/3")]
    assert shown[-2:] == [(5, 15, "epoch 2/3"), (6, 15, "epoch 2/3")]
    # Three batches in six seconds, the first of all not counted: 11 are left.
    assert said == ["about 22 s left for 11 batches; validation takes more"]


@pytest.mark.parametrize(("max_epochs", "said"), [(1, []), (2, ["about 8 s left for 5 batches"])])
def test_no_time_is_left_for_nothing(max_epochs, said):
    heard = []
    steps = StepProgress(lambda *_: None, heard.append, iter([0.0, 0.1, 0.2, 0.3, 6.4]).__next__)
    trainer = SimpleNamespace(current_epoch=0, max_epochs=max_epochs, num_training_batches=5)
    for batch in range(5):
        steps.on_train_batch_end(trainer, None, None, None, batch)
    assert heard == [f"{one}; validation takes more" for one in said]


def test_one_batch_is_left():
    heard = []
    steps = StepProgress(lambda *_: None, heard.append, iter([0.0, 1.0, 2.0, 3.0]).__next__)
    trainer = SimpleNamespace(current_epoch=0, max_epochs=1, num_training_batches=5)
    for batch in range(4):
        steps.on_train_batch_end(trainer, None, None, None, batch)
    assert heard == ["about 1 s left for 1 batch; validation takes more"]
