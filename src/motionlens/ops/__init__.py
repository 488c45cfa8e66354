"""Tensor operations of the correspondence-proposal module; they need only torch."""

from motionlens.ops.pair_embedding import PairLayer, pair_embedding, pair_responses
from motionlens.ops.proposals import Proposals, gather_neighbors, knn_proposals, pair_offsets

__all__ = [
    "PairLayer",
    "Proposals",
    "gather_neighbors",
    "knn_proposals",
    "pair_embedding",
    "pair_offsets",
    "pair_responses",
]
