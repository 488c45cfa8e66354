"""Find the files of a copy: published copies differ in folders and in letter case."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from motionlens._utils.files import read_text
from motionlens.datasets.prepared import Part

# Names of a part in file and folder names.
PART_WORDS: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "validate", "valid"),
    "test": ("test",),
}
# What to do about a damaged official file.
DOWNLOAD = "download it again"
# Usual folders of lists, the root first.
LIST_FOLDERS = ("", "labels", "label", "annotations", "annotation", "lists")


class LocalCopy:
    """The files below a root, found by name in any letter case; each folder is listed once.

    Args:
        root: an existing folder.

    Raises:
        ValueError: If it is not a folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise ValueError(f"root must be the folder of a data set, {root} is a file")
        self.root = root
        self._names: dict[str, dict[str, str]] = {}

    def find(self, path: str) -> str | None:
        """The path as the disk spells it, relative to the root; None if it does not exist.

        Args:
            path: relative, with slashes; ``""`` is the root itself.
        """
        here = ""
        for name in path.split("/"):
            if name in ("", "."):
                continue
            names = self._list(here)
            found = names.get(name, names.get(name.casefold()))
            if found is None:
                return None
            here = f"{here}/{found}" if here else found
        return here

    def find_first(self, paths: Iterable[str]) -> str | None:
        """The first of several paths that exists."""
        return next((found for path in paths if (found := self.find(path)) is not None), None)

    def folders(self, paths: Iterable[str]) -> list[str]:
        """The existing ones of several folders, each once; also if unpacked one level too deep."""
        found: dict[str, None] = {}
        for path in paths:
            last = path.rpartition("/")[2]
            for candidate in (path, f"{path}/{last}") if path else (path,):
                here = self.find(candidate)
                if here is not None and (self.root / here).is_dir():
                    found[here] = None
        return list(found)

    def find_list(
        self, what: str, names: Sequence[str], folders: Sequence[str] = LIST_FOLDERS
    ) -> Path:
        """The first of several files in any of several folders.

        Raises:
            ValueError: If there is none; the message names what was looked for, and where.
        """
        candidates = [f"{folder}/{name}" for name in names for folder in folders]
        found = self.find_first(candidates)
        if found is None:
            places = ", ".join(str(self.root / folder) for folder in folders)
            raise ValueError(
                f"{self.root}: must hold {what}, looked for {' or '.join(names)} (in any case) in "
                f"{places}; put it there"
            )
        return self.root / found

    def part_lists(
        self,
        patterns: Sequence[str],
        folders: Sequence[str] = LIST_FOLDERS,
        required: Collection[Part] = ("train", "validation"),
    ) -> dict[Part, Path]:
        """The lists of the parts, by patterns such as ``"jester-v1-{}.csv"``.

        Raises:
            ValueError: If there is none of a required part.
        """
        lists: dict[Part, Path] = {}
        for part, words in PART_WORDS.items():
            names = [pattern.replace("{}", word) for pattern in patterns for word in words]
            try:
                lists[part] = self.find_list(f"the list of the {part} part", names, folders)
            except ValueError:
                if part in required:
                    raise
        return lists

    def _list(self, folder: str) -> dict[str, str]:
        """Names in a folder, by themselves and by their lower case unless that is taken."""
        if folder not in self._names:
            try:
                names = sorted(path.name for path in (self.root / folder).iterdir())
            except (NotADirectoryError, FileNotFoundError):
                names = []
            found = {name: name for name in names}
            for name in names:
                found.setdefault(name.casefold(), name)
            self._names[folder] = found
        return self._names[folder]


def read_lines(path: Path) -> list[str]:
    """Lines of an official file, stripped, without empty ones.

    Raises:
        ValueError: If it cannot be read or has none.
    """
    lines = [line.strip() for line in read_text(path, DOWNLOAD).splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path}: is empty; {DOWNLOAD}")
    return lines
