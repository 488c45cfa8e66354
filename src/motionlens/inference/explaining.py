"""A clip's frames -> what the network matched with what, by the runner that predicts."""

import numpy as np
from numpy.typing import NDArray

from motionlens.explain.correspondences import run_explained
from motionlens.explain.explanation import Explanation
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.inference.runner import Runner
from motionlens.models.capture import correspondence_modules
from motionlens.video.frames import Frames


def explain_frames(
    runner: Runner, frames: Frames, numbers: NDArray[np.int64], *, path: str, k: int | None = None
) -> Explanation:
    """What :meth:`motionlens.Recognizer.explain` returns, for frames that have been read already.

    Args:
        runner: runs the network once.
        frames: of a clip, as :func:`motionlens.inference.runner.read_clip` reads them.
        numbers: int64 ``(T * (lead + 1),)``, which frames of the video they are.
        path: what to call the video.
        k: proposals per position, instead of the model's own.

    Raises:
        ValueError: If the network has no CP modules or is an ``.onnx`` file, or k is below 1 or
            above the number of positions in the other frames.
    """
    if isinstance(runner.network, OnnxNetwork):
        raise ValueError(
            f"{runner.network.path} does not tell what it matched; explain the run that it was "
            "exported from"
        )
    if not correspondence_modules(runner.network):
        raise ValueError(
            f"{runner.card.model} has no CP modules, so it matches nothing; explain a cpnet model"
        )
    card, lead = runner.card, runner.card.sampling.lead
    clips = runner.clips([card.preprocessing.crop(frames.data)])
    logits, modules = run_explained(runner.network, clips, k=k)
    probabilities = card.probabilities(logits[0].float().cpu())
    # Where optical flow needs the frames before each frame of the clip, the last is its own.
    own = slice(lead, None, lead + 1)
    return Explanation(
        path=path,
        prediction=card.labelling.best(path, probabilities, len(card.class_names)),
        frames=frames.data[own].permute(0, 2, 3, 1).numpy(),
        frame_numbers=tuple(numbers[own].tolist()),
        times_s=tuple(frames.times_s[own].tolist()),
        region=card.preprocessing.region(*frames.data.shape[2:]),
        modules={name: found.of_clip(0) for name, found in modules.items()},
    )
