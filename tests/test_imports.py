"""What an import needs and brings in; which room may import which is said in pyproject.toml."""

import subprocess
import sys

import pytest

import motionlens

BLOCKED = [
    "lightning", "av", "kornia", "matplotlib", "rich", "jsonargparse", "torchmetrics",
    "safetensors", "tensorboard", "huggingface_hub", "PIL", "triton",
]  # fmt: skip


def test_module_and_networks_need_torch_alone():
    code = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
import torch, motionlens
model = motionlens.create_model("cpnet_nano", num_classes=2)
model(torch.randn(1, 3, 4, 32, 32))
motionlens.ops.knn_proposals(torch.randn(1, 2, 3, 4), k=1)
with motionlens.capture_proposals(model), motionlens.inject_proposals(model, {{}}):
    motionlens.CorrespondenceProposal(8, k=1)(torch.randn(1, 8, 2, 2, 2))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, motionlens; print(sorted({'torch', 'numpy', 'lightning'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in motionlens.__all__:
        assert getattr(motionlens, name) is not None
    with pytest.raises(AttributeError, match="module 'motionlens' has no attribute 'knn'"):
        _ = motionlens.knn
