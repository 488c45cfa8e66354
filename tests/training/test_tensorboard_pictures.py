import numpy as np
import torch

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.report.plots.names import names_strip
from motionlens.training.tensorboard_pictures import clip_strip, confusion_picture

CARD = ModelCard(
    model="cpnet_nano",
    class_names=("a", "b"),
    sampling=Sampling(3),
    preprocessing=Preprocessing(4, 4),
)
NAMES = ("left", "a much longer name", "d", "pq", "b")


def test_the_matrix_is_darker_for_more():
    picture = confusion_picture(torch.tensor([[3, 1], [0, 0]]))
    assert picture.shape == (48, 48, 3)
    many, few, none = picture[5, 5].sum(), picture[5, 30].sum(), picture[30, 5].sum()
    assert many < few < none == 3 * 255


def test_the_matrix_has_names_beside_and_above():
    picture = confusion_picture(torch.ones(5, 5).long(), NAMES)
    plain = confusion_picture(torch.ones(5, 5).long())
    side = len(picture) - len(plain)
    assert picture.shape == (120 + side, 120 + side, 3)
    assert (picture[side:, side:] == plain).all()
    assert (picture[:side, :side] == 255).all()
    beside = names_strip(NAMES, 24)
    assert (picture[side:, side - beside.shape[1] : side] == beside).all()
    # What is above the columns is text that was rotated, not transposed: nothing is mirrored.
    for column, name in enumerate(NAMES):
        above = picture[side - beside.shape[1] : side, side + 24 * column :][:, :24]
        assert (_ink(np.rot90(above)) == _ink(names_strip((name,), 24))).all()


def test_the_axes_are_named():
    for num_classes in (2, 5, 70):
        names = tuple("abcdefg"[k % 7] for k in range(num_classes))
        picture = confusion_picture(torch.ones(num_classes, num_classes).long(), names)
        assert (_ink(picture[:24]) == _ink(names_strip(("predicted",), 24))).all()
        assert (_ink(np.rot90(picture[:, :24], -1)) == _ink(names_strip(("true",), 24))).all()


def _ink(picture):
    """A picture without the white around what is written."""
    rows, columns = np.nonzero(picture.min(2) < 250)
    return picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def test_many_classes_stay_a_small_picture():
    assert confusion_picture(torch.ones(400, 400).long()).shape == (400, 400, 3)


def test_a_strip_holds_the_frames_in_order():
    values = (CARD.preprocessing.mean, CARD.preprocessing.std)
    mean, std = (torch.tensor(value).view(3, 1, 1, 1) for value in values)
    levels = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1).expand(3, 3, 4, 4)
    strip = clip_strip((levels - mean) / std, CARD, is_right=True)
    assert strip.shape == (10, 18, 3)
    assert [strip[5, 3 + 4 * t + 1, 0] for t in range(3)] == [0, 128, 255]
    assert strip[0, 0].tolist() != clip_strip(levels, CARD, is_right=False)[0, 0].tolist()
