import pytest
import torch
from torch import nn

from motionlens.export.parity import NamedClips, ParityError, check_parity, random_clips


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


CLIPS = [NamedClips("ones", torch.ones(2, 3, 2, 4, 4))]  # sums of 32


@pytest.mark.parametrize(("shift", "passes"), [(0.0, True), (0.016, True), (0.064, False)])
def test_difference_is_relative(shift, passes):
    (row,) = check_parity(Sums(shift), Sums(), CLIPS)
    assert row.shape == (2, 3, 2, 4, 4)
    assert row.largest == pytest.approx(shift, rel=1e-3)
    assert row.relative == pytest.approx(shift / 32, rel=1e-3)
    assert row.undithered is None
    assert row.passes == passes


def test_dithered_clips_are_compared_as_they_are_too():
    def jumps_where_all_is_alike(clips):
        return Sums(4.0 if (clips == 1).all() else 0.0)(clips)

    clips = [CLIPS[0]._replace(dither=1e-3)]
    (row,) = check_parity(jumps_where_all_is_alike, Sums(), clips)
    assert row.relative == 0
    assert row.undithered == pytest.approx(4 / 32)


DITHERED = [CLIPS[0]._replace(dither=1e-3)]


def test_a_near_tie_in_one_draw_of_the_noise_is_met_by_another():
    first = iter([4.0, 4.0])  # as it is, and with the first noise

    def jumps_at_first(clips):
        return Sums(next(first, 0.0))(clips)

    (row,) = check_parity(jumps_at_first, Sums(), DITHERED)
    assert row.passes
    assert (row.relative, row.rounding) == (0, None)


def test_ties_in_every_draw_are_held_against_rounding_of_the_original():
    def jumps_by_the_last_digits(clips):
        shift = 4.0 if (clips.double().sum() * 1e9).long() % 2 else 0.0
        return Sums(shift)(clips)

    (row,) = check_parity(Sums(2.0), jumps_by_the_last_digits, DITHERED)
    assert row.passes
    assert row.relative > row.tolerance
    assert row.rounding == pytest.approx(4 / 32, rel=0.2)
    (strict,) = check_parity(Sums(2.0), jumps_by_the_last_digits, CLIPS)
    assert not strict.passes


def test_a_fault_in_every_draw_fails():
    (row,) = check_parity(Sums(0.064), Sums(), DITHERED)
    assert not row.passes
    assert row.relative == pytest.approx(0.002, rel=0.01)
    assert row.rounding < 1e-6


def test_an_original_that_is_not_finite_excuses_nothing():
    for one, other in [(torch.nan, 0.0), (0.0, torch.nan), (torch.nan, torch.nan)]:
        (row,) = check_parity(Sums(one), Sums(other), DITHERED)
        assert not row.passes


def test_what_is_not_finite_fails():
    parity = check_parity(Sums(torch.nan), Sums(), CLIPS)
    assert not parity[0].passes
    assert "to 0.001 of the outputs' norm, got inf on ones; nothing" in str(ParityError(parity))


def test_random_clips_are_the_same_each_time_and_leave_chance_alone():
    state = torch.get_rng_state()
    one, other = list(random_clips(4, [2, 3])), list(random_clips(4, [2, 3]))
    assert [tuple(clips.shape[:3]) for _, clips, _ in one] == [
        (1, 3, 2),
        (3, 3, 2),
        (1, 3, 3),
        (3, 3, 3),
    ]
    assert all(torch.equal(a.clips, b.clips) for a, b in zip(one, other, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


def test_outputs_of_other_shapes_fail():
    def swapped(clips):
        logits, features = Sums()(clips)
        return logits[:, :2], features

    (row,) = check_parity(swapped, Sums(), CLIPS)
    assert not row.passes
    assert row.largest == torch.inf
