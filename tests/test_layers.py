"""Imports only go backwards along the way of the data, and heavy ones wait until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cpnet

SOURCE = Path(cpnet.__file__).parent

# Who may not be imported by whom, whether at the top of a file or inside a function.
FORBIDDEN = {
    "ops": ("cpnet.models", "cpnet.data"),
    "models": ("cpnet.data", "cpnet.training", "cpnet.evaluation", "cpnet.prediction"),
    "data": ("cpnet.models", "cpnet.ops", "cpnet.training"),
    "training": ("cpnet.prediction", "cpnet.drawing", "cpnet.cli"),
    "evaluation.py": ("cpnet.training", "cpnet.prediction", "cpnet.drawing", "cpnet.cli"),
    "prediction.py": ("cpnet.training", "cpnet.evaluation", "cpnet.drawing", "cpnet.cli"),
    "inference.py": ("cpnet.training", "cpnet.prediction", "cpnet.evaluation", "cpnet.cli"),
    "streaming": (
        "cpnet.training",
        "cpnet.prediction",
        "cpnet.evaluation",
        "cpnet.drawing",
        "cpnet.cli",
    ),
    "report": ("cpnet.models", "cpnet.training", "cpnet.prediction", "cpnet.drawing", "cpnet.cli"),
    "comparison.py": ("cpnet.training", "cpnet.prediction", "cpnet.drawing", "cpnet.cli"),
    "embedding.py": ("cpnet.training", "cpnet.evaluation", "cpnet.drawing", "cpnet.cli"),
    "distributed.py": ("cpnet.models", "cpnet.data", "cpnet.training", "cpnet.cli"),
    "benchmarks": ("cpnet.training", "cpnet.drawing", "cpnet.cli"),
    "drawing": ("cpnet.training", "cpnet.cli", "cpnet.serving"),
    "explanation": ("cpnet.training", "cpnet.evaluation", "cpnet.drawing", "cpnet.cli"),
    "onnx_network.py": ("cpnet.data", "cpnet.training", "cpnet.prediction", "cpnet.export"),
    "serving": ("cpnet.training", "cpnet.evaluation", "cpnet.drawing", "cpnet.cli"),
    "export": ("cpnet.training", "cpnet.evaluation", "cpnet.drawing", "cpnet.cli"),
}
# Libraries that only one place may know.
HOMES = {
    "lightning": "training",
    "av": "data",
    "kornia": "data",
    "matplotlib": "drawing",
    "triton": "ops",
    "fastapi": "serving",
    "starlette": "serving",
    "pydantic": "serving",
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layers"
            yield node.module


def files(place):
    path = SOURCE / place
    return [path] if path.suffix else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("place", FORBIDDEN)
def test_imports_go_backwards(place):
    for path in files(place):
        for name in imports(path):
            for layer in FORBIDDEN[place]:
                assert not f"{name}.".startswith(f"{layer}."), (path.name, name)


def test_a_library_has_one_home():
    for path in files("."):
        for name in imports(path):
            home = HOMES.get(name.partition(".")[0])
            assert home is None or path.relative_to(SOURCE).parts[0] == home, (path, name)


BLOCKED = [
    "lightning", "av", "kornia", "matplotlib", "rich", "jsonargparse", "torchmetrics",
    "safetensors", "tensorboard", "huggingface_hub", "PIL", "triton",
]  # fmt: skip


def test_module_and_networks_need_torch_alone():
    code = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
import torch, cpnet
model = cpnet.create_model("cpnet_nano", num_classes=2)
model(torch.randn(1, 3, 4, 32, 32))
cpnet.ops.knn_proposals(torch.randn(1, 2, 3, 4), k=1)
with cpnet.capture_proposals(model), cpnet.inject_proposals(model, {{}}):
    cpnet.CorrespondenceProposal(8, k=1)(torch.randn(1, 8, 2, 2, 2))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_the_command_knows_the_server():
    for path in files("."):
        parts = path.relative_to(SOURCE).parts
        if parts[0] == "serving" or parts == ("cli", "serve.py"):
            continue
        assert not any(name.startswith("cpnet.serving") for name in imports(path)), path


def test_only_the_fused_kernel_knows_triton():
    for path in files("."):
        if "triton" in {name.partition(".")[0] for name in imports(path)}:
            assert path.relative_to(SOURCE) == Path("ops", "proposals_triton.py")


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, cpnet; print(sorted({'torch', 'numpy', 'lightning'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in cpnet.__all__:
        assert getattr(cpnet, name) is not None
    with pytest.raises(AttributeError, match="module 'cpnet' has no attribute 'knn'"):
        _ = cpnet.knn
