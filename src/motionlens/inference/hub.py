"""The Hugging Face hub: files from it, and a recognizer's files to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from motionlens._utils.errors import one_line
from motionlens.inference.card import ModelCard

PREFIX = "hub:"

_README = """\
---
library_name: motionlens
pipeline_tag: video-classification
tags: [video-classification, motion, motionlens]
{license}---

# {title}

Recognizes motion in video: a `{card.model}` of motionlens, which matches every position of a clip
with its nearest neighbours in feature space in the other frames.

```python
import motionlens

recognizer = motionlens.Recognizer.from_pretrained("{title}")
print(recognizer.predict("some.mp4").label)
```

| | |
|---|---|
| clip | {clip} |
| picture | short side {seen.short_side} px, {seen.size}x{seen.size} px from its middle |
| mean, std of the colours | {seen.mean}, {seen.std} |
| licence of the weights | {license_words} |

Labels, in the order of the logits: {labels}.

`config.json` holds all of this and every option of the network, `model.safetensors` the weights.
"""


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
        raise ValueError(
            f"{name} is no folder here and cannot be had from the Hugging Face hub: "
            f"{type(error).__name__}: {one_line(error)}"
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
    dense = f"with stride {sampling.frame_stride}"
    return _README.format(
        title=title,
        card=card,
        seen=card.preprocessing,
        license=f"license: {card.license.lower()}\n" if card.license else "",
        license_words=card.license or "not stated",
        clip=f"{sampling.num_frames} frames "
        + ("spread over the video" if sampling.mode == "segments" else dense),
        labels=", ".join(card.class_names),
    )
