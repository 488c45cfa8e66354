import unicodedata
import warnings

import pytest

from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.datasets.list_faults import check_lists
from motionlens.datasets.packing import pack
from motionlens.datasets.parts import num_trained_on, open_evaluated, open_parts
from motionlens.datasets.prepare import prepare
from motionlens.datasets.prepared import PreparedSet, load_part, save_description, save_part
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.video.frames import VideoWarning


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def listed(tmp_path):
    """``listed(text)``: a list of empty files a0.mp4 to a5.mp4, b0.mp4 to b5.mp4 and of more."""
    touch(tmp_path, *(f"{name}{i}.mp4" for name in "ab" for i in range(8)))
    rows = "".join(f"{name}{i}.mp4,{name}\n" for i in range(6) for name in "ab")

    def listed(more="", name="list.csv"):
        (tmp_path / name).write_text(rows + more)
        return tmp_path / name

    return listed


def evaluated(path):
    return open_evaluated(None, path, None, None)


def trained(path):
    return open_parts(DataSource(data=str(path)))


OPENERS = [evaluated, trained]


@pytest.mark.parametrize("open_them", OPENERS)
class TestEveryCommand:
    def test_a_sound_list(self, open_them, listed):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            open_them(listed())

    @pytest.mark.parametrize("again", ["a0.mp4", "./a0.mp4", "x/../a0.mp4", "link.mp4"])
    def test_two_labels(self, open_them, listed, tmp_path, again):
        (tmp_path / "x").mkdir()
        (tmp_path / "link.mp4").symlink_to("a0.mp4")
        with pytest.raises(
            ValueError, match=r"list.csv: videos listed under two labels: 1, .* 'a'"
        ):
            open_them(listed(f"{again},b\n"))

    def test_look_alikes(self, open_them, listed):
        with pytest.warns(VideoWarning, match="classes 'A ' and 'a'|'A' and 'a' look alike"):
            open_them(listed("a6.mp4,A\na7.mp4,A\n"))

    def test_a_link_to_nothing(self, open_them, listed, tmp_path):
        (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
        with pytest.raises(ValueError, match=r"1 of 13 videos is missing in .*: gone\.mp4"):
            open_them(listed("gone.mp4,b\n"))


def test_twice(listed):
    with pytest.warns(VideoWarning, match="more than once: 1, the first is a0.mp4; remove"):
        evaluated(listed("a0.mp4,a\n"))


def test_windows_of_one_video_are_several_clips(listed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluated(listed("a6.mp4,a,0,1\na6.mp4,b,1,2\n"))
    with pytest.raises(ValueError, match="two labels"):
        evaluated(listed("a6.mp4,a,0,1\na6.mp4,b,0,1\n"))


def test_in_training_and_validation(listed, tmp_path):
    data, validation = listed(), tmp_path / "validation.csv"
    validation.write_text("a1.mp4,a\na6.mp4,a\nb1.mp4,b\n")
    source = DataSource(data=str(data), validation=str(validation))
    with pytest.warns(VideoWarning, match="2 of 3 videos for validation are among those for train"):
        open_parts(source)
    assert num_trained_on(source, [f"{tmp_path}/{name}.mp4" for name in ("a1", "a6", "b1")]) == 2


def test_a_prepared_set_says_so_as_well(tmp_path):
    touch(tmp_path, "1.mp4")
    save_part(tmp_path, "train", [ListEntry("1.mp4", "a"), ListEntry("2.mp4", "b")], [2, 2])
    save_part(tmp_path, "validation", [ListEntry("./1.mp4", "a")], [2])
    save_description(tmp_path, PreparedSet(name="jester", class_names=("a", "b")))
    with pytest.warns(VideoWarning, match="1 of 1 video for validation is among"):
        trained(tmp_path)
    with pytest.warns(VideoWarning, match="1 of 1 video for validation is among"):
        pack(tmp_path, tmp_path / "shards", num_workers=0)


class TestPreparing:
    def test_two_labels(self, listed):
        with pytest.raises(ValueError, match="listed under two labels: 1, the first is a0.mp4"):
            prepare("list", listed("./a0.mp4,b\n"), check="none")

    def test_twice_under_another_name(self, listed, tmp_path):
        report = prepare("list", listed("./a0.mp4,a\n"), check="none")
        assert report.num_twice == 1
        assert ",also in " in (tmp_path / "prepared" / "duplicates.csv").read_text()

    def test_look_alikes(self, listed):
        with pytest.warns(VideoWarning, match="'A' and 'a' look alike"):
            prepare("list", listed("a6.mp4,A\na7.mp4,A\n"), check="none")

    @pytest.mark.parametrize(
        ("one", "other", "shown"),
        [
            ("01", "1", "'01' and '1'"),
            ("1.0", "1", "'1' and '1.0'"),
            ("take 007", "take 7", "'take 007' and 'take 7'"),
            ("swipe left", "swipe  left", "'swipe\u2423\u2423left' and 'swipe left'"),
        ],
    )
    def test_other_look_alikes(self, listed, one, other, shown):
        rows = f"a6.mp4,{one}\na7.mp4,{one}\nb6.mp4,{other}\nb7.mp4,{other}\n"
        with pytest.warns(VideoWarning, match=f"classes {shown} look alike"):
            prepare("list", listed(rows), check="none")

    def test_numbers_that_are_not_one(self, listed):
        rows = "a6.mp4,10\na7.mp4,10\nb6.mp4,1\nb7.mp4,1\n"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            prepare("list", listed(rows), check="none")

    def test_links_to_nothing_are_missing(self, tmp_path):
        touch(tmp_path, *(f"{name}/{i}.mp4" for name in "ab" for i in range(4)))
        (tmp_path / "a" / "gone.mp4").symlink_to("nowhere.mp4")
        (tmp_path / "b" / "frames").symlink_to("nowhere")
        (tmp_path / "b" / "notes.txt").symlink_to("nowhere.txt")
        report = prepare("folder", tmp_path, check="none")
        assert sum(part.missing for part in report.parts.values()) == 2
        missing = (tmp_path / "prepared" / "missing.csv").read_text()
        assert "a/gone.mp4" in missing
        assert "b/frames" in missing
        with pytest.raises(ValueError, match=r"2 of 8 videos .* a/gone.mp4, a symbolic link to no"):
            trained(tmp_path)

    def test_line_ends_in_names_survive(self, tmp_path):
        names = [
            f"{c}/{i}{end}.mp4" for c in "ab" for i, end in enumerate(("\n", "\r", "\r\n", '"'))
        ]
        touch(tmp_path, *names)
        prepare("folder", tmp_path, check="none")
        train, validation = trained(tmp_path / "prepared")
        assert {*train.paths, *validation.paths} == set(names)
        assert all(part.path(i).exists() for part in (train, validation) for i in range(len(part)))

    def test_columns(self, tmp_path):
        touch(tmp_path, *(f"{i}.mp4" for i in range(8)))
        (tmp_path / "l.txt").write_text("".join(f"{i}.mp4 {10 + i} {i % 2}\n" for i in range(8)))
        prepare("list", tmp_path / "l.txt", check="none", columns="path,num_frames,label")
        assert load_part(tmp_path / "prepared", "train").class_names == ("0", "1")


def test_both_unicode_forms_are_one_class(tmp_path):
    for form in ("NFC", "NFD"):
        touch(tmp_path / "data" / unicodedata.normalize(form, "caf\u00e9"), f"{form}.mp4")
    touch(tmp_path / "data" / "b", "1.mp4", "2.mp4")
    with pytest.warns(VideoWarning, match=r"are one class, 'caf\u00e9'; write it in one way"):
        index = evaluated(tmp_path / "data")
    assert index.class_names == ("b", "caf\u00e9")
    assert index.counts() == {"b": 2, "caf\u00e9": 2}
    assert all(index.path(i).exists() for i in range(4))
    # A recognizer that was trained on a folder in the other form knows it too.
    assert index.with_classes(("b", "cafe\u0301")).labels.tolist() == index.labels.tolist()


def test_backslashes(tmp_path):
    touch(tmp_path, "v/1.mp4", "v/2.mp4", "v\\3.mp4")
    (tmp_path / "l.csv").write_text("v\\1.mp4,a\nv\\2.mp4,b\nv\\3.mp4,b\n")
    index = evaluated(tmp_path / "l.csv")
    assert index.paths.tolist() == ["v/1.mp4", "v/2.mp4", "v\\3.mp4"]
    (tmp_path / "l.csv").write_text("C:\\v\\1.mp4,a\n")
    with pytest.raises(ValueError, match=r"Windows drive .* write the paths relative to the list"):
        evaluated(tmp_path / "l.csv")


def test_files_that_no_user_made_are_no_videos(tmp_path):
    touch(tmp_path, *(f"{name}/{i}.mp4" for name in "ab" for i in range(2)))
    touch(tmp_path, "@eaDir/x/1.jpg", "a/@eaDir/0.mp4/SYNOFILE_THUMB_M.jpg", "a/Thumbs.db")
    touch(tmp_path, "a/._0.mp4", "b/.DS_Store", "__MACOSX/a/0.mp4", "#recycle/0.mp4", ".x/0.mp4")
    index = evaluated(tmp_path)
    assert index.class_names == ("a", "b")
    assert index.paths.tolist() == ["a/0.mp4", "a/1.mp4", "b/0.mp4", "b/1.mp4"]


@pytest.mark.parametrize("columns", ["path,num_frames", "path,label,label", "", "label"])
def test_columns_name_path_and_label_once(columns):
    with pytest.raises(ValueError, match=r"listing.columns must name (path|label) once, got"):
        ListingConfig(columns=columns)


def test_checking_prepared_data_looks_for_no_file(tmp_path):
    index = VideoIndex.of(tmp_path, [ListEntry("gone.mp4", "a")])
    check_lists("here", {"": index}, on_disk=False)
    with pytest.raises(ValueError, match="here: 1 of 1 video is missing, the first is gone.mp4;"):
        check_lists("here", {"": index})


def test_folders_that_differ_in_spaces_around_are_one_class(tmp_path):
    touch(tmp_path, "left/1.mp4", "left /2.mp4", "b/1.mp4")
    with pytest.warns(VideoWarning, match="'left' and 'left ' are one class, 'left'; write it in"):
        index = evaluated(tmp_path)
    assert index.counts() == {"b": 1, "left": 2}


def test_paths_of_a_windows_drive_are_told_by_prepare_too(tmp_path):
    (tmp_path / "l.csv").write_text("C:\\v\\1.mp4,a\nC:\\v\\2.mp4,b\n")
    with pytest.raises(ValueError, match=r"l.csv: names videos by a Windows drive"):
        prepare("list", tmp_path / "l.csv", check="none")


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("f/b_*", "f/b_[0-9]*", True),
        ("f/b_*", "./f/b_?.png", True),
        ("f/a_*", "f/b_*", False),
        ("g/*.png", "g", True),
        ("f/b_*", "g/b_*", False),
    ],
)
def test_patterns_of_the_same_pictures_are_one_video(tmp_path, one, other, are_one):
    touch(tmp_path, *("f/a_0.png f/a_1.png f/b_0.png f/b_1.png g/b_0.png g/b_1.png".split()))
    (tmp_path / "list.csv").write_text(f"path,label\n{one},x\n{other},y\n")
    if are_one:
        with pytest.raises(ValueError, match="videos listed under two labels: 1"):
            evaluated(tmp_path / "list.csv")
    else:
        assert len(evaluated(tmp_path / "list.csv")) == 2
