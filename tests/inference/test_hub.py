from dataclasses import replace

import huggingface_hub
import pytest
import yaml
from huggingface_hub.repocard import ModelCard as HubCard

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.hub import download, hub_readme, upload


@pytest.fixture
def card():
    return ModelCard(
        model="cpnet_nano",
        class_names=("left", "right"),
        license="CC-BY-NC-SA-4.0",
        sampling=Sampling(8, 3),
        preprocessing=Preprocessing(64, 72),
    )


def test_readme_says_what_the_model_is(card):
    text = hub_readme(card, "owner/waves")
    front = yaml.safe_load(text.split("---")[1])
    assert front["library_name"] == "motionlens"
    assert front["license"] == "cc-by-nc-sa-4.0"
    assert front["pipeline_tag"] == "video-classification"
    for words in (
        'from_pretrained("owner/waves")',
        "8 frames with stride 3",
        "short side 72 px, 64x64 px",
        "left, right",
    ):
        assert words in text
    HubCard(text)  # the hub's own reader takes it


def test_readme_without_a_licence(card):
    text = hub_readme(replace(card, license=""), "x")
    assert "license" not in yaml.safe_load(text.split("---")[1])
    assert "| licence of the weights | not stated |" in text


def test_upload_sends_the_files_that_were_written(monkeypatch):
    sent = {}

    class Api:
        def __init__(self, token=None):
            assert token == "secret"

        def create_repo(self, repo_id, private, exist_ok):
            assert private
            return type("Repo", (), {"repo_id": repo_id})

        def upload_folder(self, *, repo_id, folder_path, **_):
            sent[repo_id] = {p.name: p.read_text() for p in folder_path.iterdir()}
            return "https://hub/commit"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)

    def write(folder):
        (folder / "README.md").write_text("ours")
        (folder / "config.json").write_text("{}")

    assert upload("owner/waves", write, private=True, token="secret") == "https://hub/commit"
    assert sent == {"owner/waves": {"README.md": "ours", "config.json": "{}"}}


def test_a_hub_that_cannot_be_reached_is_said_in_our_words(monkeypatch):
    def fail(*_, **__):
        raise huggingface_hub.errors.LocalEntryNotFoundError("An error happened while\nlocating")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ValueError, match="hub: it cannot be reached, and the model") as found:
        download("runs/nope", ["x"])
    assert "locating" not in str(found.value)


def test_failures_are_one_line(monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ValueError, match="a/b is no folder here and cannot be had .* no route to"):
        download("hub:a/b", ["x"])
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", fail)
    with pytest.raises(ValueError, match="a/b cannot be written on the Hugging Face hub: Connecti"):
        upload("a/b", lambda folder: None)
