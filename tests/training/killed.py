"""``python killed.py MOMENT train ...``: the command, killed at that moment as by ``kill -9``.

``batch_7`` is before the seventh batch, ``terminated_at_batch_7`` has SIGTERM instead,
``batch_7_in_process_1`` is in that process alone, and not in one that torchrun has restarted.
"""

import os
import re
import signal
import sys

import torch

from motionlens.cli.main import main
from motionlens.training import checkpoint_io, epoch_recorder, module

moment = sys.argv[1]
calls = 0


def kill(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def killing_before(function, call, number=signal.SIGKILL):
    """The function, which kills the process when it is called for the n-th time."""

    def wrapped(*args, **kwargs):
        global calls
        calls += 1
        if calls == call:
            kill(number)
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
elif found := re.fullmatch(r"(terminated_at_)?batch_(\d+)(?:_in_process_(\d))?", moment):
    number = signal.SIGTERM if found[1] else signal.SIGKILL
    is_restarted = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    if not is_restarted and found[3] in (None, os.environ.get("RANK")):
        step = module.TrainingModule.training_step
        module.TrainingModule.training_step = killing_before(step, int(found[2]), number)
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
