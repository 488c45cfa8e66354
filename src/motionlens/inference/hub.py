"""The Hugging Face hub: files from it, and a recognizer's files to it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from motionlens._utils.errors import one_line
from motionlens.inference.card import ModelCard

PREFIX = "hub:"

# The page of a model on the hub, a format string.
_README = Path(__file__).with_name("hub_readme.md")

# What the library's errors, which fill several lines, come to.
_REASONS = {
    "LocalEntryNotFoundError": "it cannot be reached, and the model is not in its cache",
    "RepositoryNotFoundError": "it has no model of that name, or a private one",
    "GatedRepoError": "access to the model must be asked for there",
}


def download(name: str, files: Sequence[str]) -> Path:
    """Fetch files of a model on the hub, or find them in the cache.

    Args:
        name: ``"owner/name"``, with or without ``"hub:"`` before it.
        files: names or patterns; those that the model lacks are passed over.

    Returns:
        The folder that holds them.

    Raises:
        ValueError: If the model cannot be had.
    """
    from huggingface_hub import snapshot_download

    name = name.removeprefix(PREFIX)
    if "/" not in name.strip("/"):
        raise ValueError(f"a model on the hub must be named owner/name, got {name!r}")
    try:
        return Path(snapshot_download(name, allow_patterns=list(files)))
    except Exception as error:  # network, permissions, names: all mean that it cannot be had
        kind = type(error).__name__
        reason = _REASONS.get(kind, f"{kind}: {one_line(error)}")
        raise ValueError(
            f"{name} is no folder here and cannot be had from the Hugging Face hub: {reason}"
        ) from None


def upload(name: str, write: Callable[[Path], None], **options: Any) -> str:
    """Make a model on the hub of the files that ``write(folder)`` writes.

    Args:
        name: ``"owner/name"``; made if absent.
        write: writes the files into the folder that it is given.
        **options: of ``huggingface_hub.ModelHubMixin.push_to_hub``.

    Returns:
        Address of the commit.

    Raises:
        ValueError: If the hub refuses, for want of a token or otherwise.
    """
    from huggingface_hub import ModelHubMixin

    # No base class of Recognizer: its from_pretrained knows neither cards nor exported files.
    class Upload(ModelHubMixin):
        def _save_pretrained(self, save_directory: Path) -> None:
            write(save_directory)

    try:
        return Upload().push_to_hub(name, **options)
    except Exception as error:
        raise ValueError(
            f"{name} cannot be written on the Hugging Face hub: "
            f"{type(error).__name__}: {one_line(error)}"
        ) from None


def hub_readme(card: ModelCard, title: str) -> str:
    """The page of a model on the hub.

    Args:
        card: of the model.
        title: its name there.
    """
    sampling = card.sampling
    return _README.read_text(encoding="utf-8").format(
        title=title,
        card=card,
        seen=card.preprocessing,
        license=f"license: {card.license.lower()}\n" if card.license else "",
        license_words=card.license or "not stated",
        clip=str(sampling),
        labels=", ".join(card.class_names),
    )
