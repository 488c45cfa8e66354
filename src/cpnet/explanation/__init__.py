"""What a network matched with what, as data."""

from __future__ import annotations

from cpnet.explanation.correspondences import Correspondences, explain_clips, run_explained
from cpnet.explanation.explained import FORMAT, FORMAT_VERSION, Explanation
from cpnet.explanation.matches import Match, Position, Target, find_match, rank_positions

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "Correspondences",
    "Explanation",
    "Match",
    "Position",
    "Target",
    "explain_clips",
    "find_match",
    "rank_positions",
    "run_explained",
]
