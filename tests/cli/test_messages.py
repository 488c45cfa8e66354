import pytest

from motionlens.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "nodir/"], "nodir/ does not exist"),
        (["explain", "nodir/"], "nodir/ does not exist"),
        (["predict", "0"], "motionlens watch --camera 0"),
        (["train"], "are required: --data, --out;"),
    ],
)
def test_what_is_missing_is_named(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert said in capsys.readouterr().err
