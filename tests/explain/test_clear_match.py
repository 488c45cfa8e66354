"""The position to look at first: a moving thing that was found again, not bare ground."""

import numpy as np
import pytest
import torch

from explained_samples import sample_correspondences, sample_explanation
from motionlens.explain.clear_match import clearest_position
from motionlens.explain.drawing.overview import clearest_place
from motionlens.ops.proposals import Proposals

T, SIDE, PX = 5, 8, 8
REGION = (0.0, 0.0, float(SIDE * PX), float(SIDE * PX))


@pytest.fixture(scope="module")
def frames():
    """Ground with some noise, a checked cell that rests in (6, 6) and one that moves right."""
    rng = np.random.default_rng(0)
    found = rng.integers(90, 110, (T, SIDE * PX, SIDE * PX, 3), dtype=np.uint8)
    checks = 255 * (np.indices((PX, PX)).sum(0) // 2 % 2)[..., None]
    found[:, 6 * PX : 7 * PX, 6 * PX : 7 * PX] = checks
    for t in range(T):
        found[t, 2 * PX : 3 * PX, (1 + t) * PX : (2 + t) * PX] = checks // (2, 1, 3)
    return found


def matched(tracks):
    """Cells, by their row and column in each frame, matched with themselves in other frames.

    All others are matched with cells somewhere else.
    """
    places = torch.arange(SIDE * SIDE)
    indices = torch.stack(
        [
            torch.stack(
                [(t + 1 + j) % T * SIDE * SIDE + (places * 7 + 11 * j) % SIDE**2 for j in range(2)],
                1,
            )
            for t in range(T)
        ]
    )
    for track in tracks:
        for t, (row, column) in enumerate(track):
            for j in range(2):
                other = (t + 1 + j) % T
                r, c = track[other]
                indices[t, row * SIDE + column, j] = other * SIDE**2 + r * SIDE + c
    found = sample_correspondences(T, (SIDE, SIDE), k=2)
    return found._replace(proposals=Proposals(indices, found.proposals.distances))


MOVING = [(2, 1 + t) for t in range(T)]
RESTING = [(6, 6)] * T
GROUND = [(4, t) for t in range(T)]


def test_a_moving_thing_is_taken_before_what_rests_and_before_bare_ground(frames):
    found = clearest_position(matched([MOVING, RESTING, GROUND]), frames, REGION)
    assert (found.row, found.column) == MOVING[found.frame]


def test_what_was_matched_wrongly_is_not_taken(frames):
    # The moving cell was matched with ground: the resting one is what was found again.
    found = clearest_position(matched([RESTING]), frames, REGION)
    assert (found.row, found.column) != MOVING[found.frame]


def test_dropped_proposals_do_not_count(frames):
    matches = matched([MOVING])
    dropped = matches._replace(wins=torch.zeros_like(matches.wins))
    # Nothing was kept anywhere: what was changed most.
    assert clearest_position(dropped, frames, REGION) == dropped.ranked(1)[0]
    missing = Proposals(torch.full_like(matches.proposals.indices, -1), matches.proposals.distances)
    nothing = matches._replace(proposals=missing)
    assert clearest_position(nothing, frames, REGION) == nothing.ranked(1)[0]


def test_a_single_frame_and_an_even_picture_give_a_position(frames):
    even = np.full_like(frames, 128)
    assert clearest_position(matched([MOVING]), even, REGION).change >= 0


def test_it_is_in_the_data_and_the_default_of_pictures():
    explained = sample_explanation()
    last = explained.to_dict(top=1)["modules"][-1]
    place = clearest_place(explained)
    assert place.module == "layer3.0"
    assert last["best_matched"] == dict(zip(("frame", "row", "column"), place[1:], strict=True))
    assert place[1:] == explained.best_matched("layer3.0")[:3]
    with pytest.raises(ValueError, match="module must be one of"):
        explained.best_matched("nowhere")
