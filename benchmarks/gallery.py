"""Draw the pictures of docs/gallery.md.

Run `python benchmarks/gallery.py FOOTAGE_RUN FOOTAGE MOTION_RUN`: a network trained on motions of
real footage, a video of such footage, and a network that knows the classes of `cpnet motion
direction`. It runs plain `cpnet` commands, prints them, and puts their pictures into docs/gallery.
Without MOTION_RUN the pictures of the motion suite stay as they are.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from cpnet.cli import main as cpnet

DOCS = Path(__file__).resolve().parents[1] / "docs"
OUT = DOCS / "gallery"
# On the grid of layer3.0, 8 x 8: an edge, and a wall that looks the same everywhere.
EDGE, WALL = "4,1,3", "4,3,6"


def call(*words: str | Path) -> None:
    """Run a command and print it."""
    line = [str(word) for word in words]
    print("cpnet", shlex.join(line), flush=True)
    if cpnet(line):
        raise SystemExit(f"failed: cpnet {shlex.join(line)}")


def keep(path: Path, name: str) -> None:
    """Put a picture into the gallery."""
    OUT.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, OUT / f"{name}{path.suffix}")


def draw_toy(work: Path) -> None:
    """A block that jumps."""
    toy = work / "toy"
    call("toy", "--canvas", "box", "--models", "cpnet", "--seeds", "1", "--out", toy)
    shown = ["explain", toy / "cpnet", toy / "clips", "--format", "webp"]
    for theme in ("light", "dark"):
        out = work / f"toy_{theme}"
        call(*shown, "--out", out, "--theme", theme)
        keep(out / "comparison.webp", f"toy_{theme}")
    out = work / "toy_left"
    call("explain", toy / "cpnet", toy / "clips" / "right.mp4", "--out", out, "--animation", "gif")
    keep(out / "animation.gif", "toy_animation")
    shutil.copyfile(toy / "proposals.png", DOCS / "images" / "proposals.png")


def draw_footage(work: Path, run: str, footage: str) -> None:
    """Real footage: where proposals find what they look for, and where they cannot."""
    out = work / "footage"
    shown = ["explain", run, footage, "--out", out, "--module", "layer3.0", "--format", "webp"]
    for name, position in (("edge", EDGE), ("wall", WALL)):
        call(*shown, "--position", position)
        keep(out / "proposals.webp", f"footage_{name}")
    call(*shown, "--position", EDGE, "--theme", "dark")
    keep(out / "modules.webp", "footage_modules_dark")
    keep(out / "change.webp", "footage_change_dark")


def draw_motion(work: Path, run: str) -> None:
    """Clips of the motion suite, one of each class."""
    data = work / "direction"
    size = ["--num_train", "4", "--num_validation", "4"]
    call("motion", "direction", data, "--difficulty", "easy", "--seed", "5", *size)
    clips = sorted((data / "validation").glob("*.mp4"))
    call("explain", run, *clips, "--out", work / "motion", "--format", "webp")
    keep(work / "motion" / "comparison.webp", "motion")


def main() -> None:
    """Draw all that the arguments allow."""
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        draw_toy(work)
        draw_footage(work, sys.argv[1], sys.argv[2])
        if sys.argv[3:]:
            draw_motion(work, sys.argv[3])


if __name__ == "__main__":
    main()
