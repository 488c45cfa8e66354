"""Imports only go backwards along the way of the data, and heavy ones wait until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import motionlens

SOURCE = Path(motionlens.__file__).parent

# Who may not be imported by whom, whether at the top of a file or inside a function.
FORBIDDEN = {
    "ops": ("motionlens.models", "motionlens.data"),
    "models": (
        "motionlens.data",
        "motionlens.training",
        "motionlens.inference.evaluation",
        "motionlens.inference.recognizer",
    ),
    "data": ("motionlens.models", "motionlens.ops", "motionlens.training"),
    "training": ("motionlens.inference.recognizer", "motionlens.report.plots", "motionlens.cli"),
    "evaluation.py": (
        "motionlens.training",
        "motionlens.inference.recognizer",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "prediction.py": (
        "motionlens.training",
        "motionlens.inference.evaluation",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "inference.py": (
        "motionlens.training",
        "motionlens.inference.recognizer",
        "motionlens.inference.evaluation",
        "motionlens.cli",
    ),
    "streaming": (
        "motionlens.training",
        "motionlens.inference.recognizer",
        "motionlens.inference.evaluation",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "report": (
        "motionlens.models",
        "motionlens.training",
        "motionlens.inference.recognizer",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "comparison.py": (
        "motionlens.training",
        "motionlens.inference.recognizer",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "embedding.py": (
        "motionlens.training",
        "motionlens.inference.evaluation",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "distributed.py": (
        "motionlens.models",
        "motionlens.data",
        "motionlens.training",
        "motionlens.cli",
    ),
    "benchmarks": ("motionlens.training", "motionlens.report.plots", "motionlens.cli"),
    "drawing": ("motionlens.training", "motionlens.cli", "motionlens.serving"),
    "explanation": (
        "motionlens.training",
        "motionlens.inference.evaluation",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "onnx_network.py": (
        "motionlens.data",
        "motionlens.training",
        "motionlens.inference.recognizer",
        "motionlens.export",
    ),
    "serving": (
        "motionlens.training",
        "motionlens.inference.evaluation",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
    "export": (
        "motionlens.training",
        "motionlens.inference.evaluation",
        "motionlens.report.plots",
        "motionlens.cli",
    ),
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
import torch, motionlens
model = motionlens.create_model("cpnet_nano", num_classes=2)
model(torch.randn(1, 3, 4, 32, 32))
motionlens.ops.knn_proposals(torch.randn(1, 2, 3, 4), k=1)
with motionlens.capture_proposals(model), motionlens.inject_proposals(model, {{}}):
    motionlens.CorrespondenceProposal(8, k=1)(torch.randn(1, 8, 2, 2, 2))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_the_command_knows_the_server():
    for path in files("."):
        parts = path.relative_to(SOURCE).parts
        if parts[0] == "serving" or parts == ("cli", "serve.py"):
            continue
        assert not any(name.startswith("motionlens.serving") for name in imports(path)), path


def test_only_the_fused_kernel_knows_triton():
    for path in files("."):
        if "triton" in {name.partition(".")[0] for name in imports(path)}:
            assert path.relative_to(SOURCE) == Path("ops", "proposals_triton.py")


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
