"""``python killed.py MOMENT train ...``: the command, killed at that moment as by ``kill -9``."""

import os
import signal
import sys

import torch

from motionlens.cli.main import main
from motionlens.training import checkpoint_io, epoch_recorder, module

moment = sys.argv[1]
calls = 0


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def killing_before(function, call):
    """The function, which kills the process when it is called for the n-th time."""

    def wrapped(*args, **kwargs):
        global calls
        calls += 1
        if calls == call:
            kill()
        return function(*args, **kwargs)

    return wrapped


def half_a_checkpoint(state, file):
    """The second checkpoint breaks off in its middle."""
    global calls
    calls += 1
    if calls < 2:
        return save(state, file)
    save(state, "/dev/null")
    file.write(b"half")
    file.flush()
    kill()


save = torch.save
if moment == "epoch_2_begins":
    begin = module.TrainingModule.on_train_epoch_start
    module.TrainingModule.on_train_epoch_start = killing_before(begin, 2)
elif moment == "middle_of_epoch_2":
    step = module.TrainingModule.training_step
    # Three batches an epoch.
    module.TrainingModule.training_step = killing_before(step, 5)
elif moment == "middle_of_epoch_2_in_process_1":
    if os.environ["RANK"] == "1":
        step = module.TrainingModule.training_step
        module.TrainingModule.training_step = killing_before(step, 4)
elif moment == "before_the_second_checkpoint":
    write = checkpoint_io.AtomicCheckpointIO.save_checkpoint
    checkpoint_io.AtomicCheckpointIO.save_checkpoint = killing_before(write, 2)
elif moment == "within_the_second_checkpoint":
    checkpoint_io.torch.save = half_a_checkpoint
elif moment == "before_the_second_weights":
    epoch_recorder.save_checkpoint = killing_before(epoch_recorder.save_checkpoint, 2)
elif moment == "before_the_second_metrics":
    epoch_recorder.write_metrics = killing_before(epoch_recorder.write_metrics, 2)
else:
    raise SystemExit(f"no such moment: {moment}")

raise SystemExit(main(sys.argv[2:]))
