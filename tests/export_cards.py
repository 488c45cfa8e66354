"""A small recognizer to export."""

import torch

from motion_videos import CLASSES
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer
from motionlens.models.correspondence import CorrespondenceProposal


def small_recognizer(model="toy_cpnet", options=None, size=16, **about):
    """With random weights and modules that are no longer the identity."""
    if options is None:
        options = {"widths": [4, 8]}
    card = ModelCard(
        **{"model": model, "options": options, "class_names": tuple(CLASSES)} | about,
        license="CC-BY-4.0",
        sampling=Sampling(4, 2),
        preprocessing=Preprocessing(size, size),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = card.build()
        for module in net.modules():
            if isinstance(module, CorrespondenceProposal):
                torch.nn.init.ones_(module.projection.norm.weight)
    return Recognizer(net, card)
