import pytest
import torch

from motion_videos import CLASSES
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer():
    """A small recognizer of the drawn motions, with one CP module and random weights."""
    card = ModelCard(
        model="cpnet_nano",
        options={"widths": [4, 8, 8, 8], "modules": {"res3": 1}, "k": 2},
        class_names=tuple(CLASSES),
        sampling=Sampling(4, 2),
        preprocessing=Preprocessing(16, 16),
    )
    torch.manual_seed(0)
    return Recognizer(card.build(), card)
