"""The module against the outputs of the authors' own graph."""

import json

import numpy as np
import pytest
import torch

from cpnet.models.capture import capture_proposals
from cpnet.models.correspondence import CorrespondenceProposal
from cpnet.ops import pair_offsets, pair_responses


def load(module, variables):
    """Fill a module with the authors' variables: kernels are (..., in, out) with 1x1 windows."""
    layers = {f"conv{i}": layer for i, layer in enumerate(module.mlp)}
    layers |= {"conv_final": module.projection, "conv_bottle0": module.bottleneck}
    used = set()
    for name, layer in layers.items():
        if layer is None:
            continue
        norm = "bn_final" if name == "conv_final" else f"{name}/bn"
        values = {
            f"{name}/weights": (layer.linear.weight, True),
            f"{name}/biases": (layer.linear.bias, False),
            f"{norm}/gamma": (layer.norm.weight, False),
            f"{norm}/beta": (layer.norm.bias, False),
            f"{norm}/moving_mean": (layer.norm.running_mean, False),
            f"{norm}/moving_variance": (layer.norm.running_var, False),
        }
        for key, (target, kernel) in values.items():
            array = torch.from_numpy(variables[key])
            target.data.copy_(array.flatten(0, -2).T if kernel else array)
            used.add(key)
    assert used == set(variables)


def relative(found, expected):
    expected = torch.from_numpy(expected)
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("case", ["cp_c256_k8", "cp_c512_b64_k4", "cp_c128_k8_s2"])
def test_branch_agrees_in_inference(test_data, case):
    stored = np.load(test_data / "oracle" / f"{case}.npz")
    meta = json.loads(str(stored["meta"]))
    module = CorrespondenceProposal(
        stored["input"].shape[-1],
        k=meta["k"],
        widths=meta["mlp"],
        bottleneck=meta.get("mlp0", [None])[0],
        downsample=meta["shrink_ratio"] or 1,
        offset_scale=1,
        eps=meta["eps"],
        conv_bias=True,
    ).eval()
    prefix = f"var/{case}/"
    load(module, {n.removeprefix(prefix): stored[n] for n in stored.files if n.startswith(prefix)})
    x = torch.from_numpy(stored["input"]).permute(0, 4, 1, 2, 3)
    with torch.no_grad(), capture_proposals(module) as seen:
        out = module.branch(x).permute(0, 2, 3, 4, 1)
    assert relative(out, stored["output"]) < 1e-5

    indices = seen[""].indices
    B, T, S, K = indices.shape
    expected = torch.from_numpy(stored["knn_idx"]).long().view(B, T, S, K)
    assert torch.equal(indices.sort(-1).values, expected.sort(-1).values)

    features, grid = module.searched_features(x)
    offsets = pair_offsets(expected, grid, dtype=torch.float32)
    assert relative(offsets.view(B, -1, K, 3), stored["coord_diff"]) < 1e-6
    with torch.no_grad():
        before = pair_responses(features, expected, grid, module.pair_layers())
    assert relative(before.view(B, -1, K, before.shape[-1]), stored["before_max"]) < 1e-5
