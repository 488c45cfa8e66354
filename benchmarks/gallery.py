"""Draw the pictures of docs/gallery.md.

Run `python benchmarks/gallery.py FOOTAGE` with torchcodec's nasa_13013.mp4. It trains the toy,
takes the bundled recognizer for everything else, runs plain `motionlens` commands, prints them, and
puts their pictures into docs/gallery.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from motionlens.cli.main import main as run_command

DOCS = Path(__file__).resolve().parents[1] / "docs"
OUT = DOCS / "gallery"
# On the grid of layer3.0, 8 x 8: an edge, and a wall that looks the same everywhere.
EDGE, WALL = "4,1,3", "4,3,6"
# The lower edge of a patch that moves down, of clip 1.
PATCH = "3,4,2"


def call(*words: str | Path) -> None:
    """Run a command and print it."""
    line = [str(word) for word in words]
    print("motionlens", shlex.join(line), flush=True)
    if run_command(line):
        raise SystemExit(f"failed: motionlens {shlex.join(line)}")


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


def draw_footage(work: Path, footage: str) -> None:
    """Real footage: where proposals find what they look for, and where they cannot."""
    out = work / "footage"
    shown = ["explain", footage, "--out", out, "--module", "layer3.0", "--format", "webp"]
    for name, position in (("edge", EDGE), ("wall", WALL)):
        call(*shown, "--position", position)
        keep(out / "proposals.webp", f"footage_{name}")
    call(*shown, "--position", EDGE, "--theme", "dark")
    keep(out / "modules.webp", "footage_modules_dark")
    keep(out / "change.webp", "footage_change_dark")


def draw_motion(work: Path) -> None:
    """Clips of the motion suite: a patch, and what the module changes most in each class."""
    data = work / "direction"
    size = ["--num_train", "4", "--num_validation", "4", "--num_frames", "24", "--speed", "2"]
    call("motion", "direction", data, "--difficulty", "easy", "--seed", "5", *size)
    clips = sorted((data / "validation").glob("*.mp4"))
    shown = ["--out", work / "motion", "--format", "webp"]
    call("explain", clips[1], *shown, "--position", PATCH)
    keep(work / "motion" / "modules.webp", "motion_patch")
    call("explain", *clips[:2], *shown)
    keep(work / "motion" / "comparison.webp", "motion_ground")


def main() -> None:
    """Draw all that the arguments allow."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        draw_toy(work)
        draw_footage(work, sys.argv[1])
        draw_motion(work)


if __name__ == "__main__":
    main()
