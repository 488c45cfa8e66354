"""Tensor operations of the correspondence-proposal module; they need only torch."""

from motionlens.ops.pair_embedding import PairLayer as PairLayer
from motionlens.ops.pair_embedding import pair_embedding as pair_embedding
from motionlens.ops.pair_embedding import pair_responses as pair_responses
from motionlens.ops.proposals import Proposals as Proposals
from motionlens.ops.proposals import gather_neighbors as gather_neighbors
from motionlens.ops.proposals import knn_proposals as knn_proposals
from motionlens.ops.proposals import pair_offsets as pair_offsets
