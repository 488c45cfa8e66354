import torch

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.training.tensorboard_pictures import clip_strip, confusion_picture

CARD = ModelCard(
    model="cpnet_nano",
    class_names=("a", "b"),
    sampling=Sampling(3),
    preprocessing=Preprocessing(4, 4),
)


def test_the_matrix_is_darker_for_more():
    picture = confusion_picture(torch.tensor([[3, 1], [0, 0]]))
    assert picture.shape == (48, 48, 3)
    many, few, none = picture[5, 5].sum(), picture[5, 30].sum(), picture[30, 5].sum()
    assert many < few < none == 3 * 255


def test_the_matrix_has_names_beside_and_above():
    picture = confusion_picture(torch.tensor([[3, 1], [0, 0]]), ("left", "a much longer name"))
    plain = confusion_picture(torch.tensor([[3, 1], [0, 0]]))
    side = len(picture) - len(plain)
    assert picture.shape == (48 + side, 48 + side, 3)
    assert (picture[side:, side:] == plain).all()
    assert (picture[:side, :side] == 255).all()
    beside, above = picture[side:, :side].min(2) < 128, picture[:side, side:].min(2) < 128
    # The second name is longer, and each has dark pixels on its own side.
    assert 0 < beside[:24].sum() < beside[24:].sum()
    assert 0 < above[:, :24].sum() < above[:, 24:].sum()


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
