import pytest
import torch
from torch import nn

from cpnet.export.parity import NamedClips, ParityError, check_parity, random_clips


class Sums(nn.Module):
    """Features: three sums; logits: the same, and `shift` more."""

    def __init__(self, shift=0.0):
        super().__init__()
        self.shift = shift

    def forward_features(self, clips):
        return clips.sum((2, 3, 4))

    def forward_head(self, features):
        return features + self.shift

    def forward(self, clips):
        features = self.forward_features(clips)
        return self.forward_head(features), features


CLIPS = [NamedClips("ones", torch.ones(2, 3, 2, 4, 4))]  # sums of 32, norm 32 sqrt(3)


@pytest.mark.parametrize(
    ("exported", "ties", "passes"),
    [(0.0, 0.0, True), (0.0016, 0.0, True), (0.0064, 0.0, False), (0.0064, 0.0048, True)],
)
def test_difference_is_relative_and_ties_are_allowed_for(exported, ties, passes):
    parity = check_parity(Sums(exported), Sums(), Sums(ties), CLIPS)
    (row,) = parity.rows
    assert row.shape == (2, 3, 2, 4, 4)
    assert row.largest == pytest.approx(exported, rel=1e-2)
    assert row.relative == pytest.approx(exported / 32, rel=1e-2)
    assert row.ties == pytest.approx(ties / 32, rel=1e-2)
    assert (not parity.failed) == passes


def test_what_is_not_finite_fails():
    parity = check_parity(Sums(torch.nan), Sums(), Sums(), CLIPS)
    assert parity.failed == parity.rows
    assert "to 0.0001 of the outputs' norm, got inf on ones; nothing" in str(ParityError(parity))


def test_random_clips_are_the_same_each_time_and_leave_chance_alone():
    state = torch.get_rng_state()
    one, other = list(random_clips(4, [2, 3])), list(random_clips(4, [2, 3]))
    assert [tuple(clips.shape[:3]) for _, clips in one] == [
        (1, 3, 2),
        (3, 3, 2),
        (1, 3, 3),
        (3, 3, 3),
    ]
    assert all(torch.equal(a.clips, b.clips) for a, b in zip(one, other, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
