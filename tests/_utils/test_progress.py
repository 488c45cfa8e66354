from types import SimpleNamespace

from motionlens._utils import progress as _progress


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch, capsys):
    times = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr(_progress, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with _progress.progress("videos checked") as show:
        for done in (100, 110, 1030, 1050, 2000):
            show(done, 4000)
    assert capsys.readouterr().err.splitlines() == [
        "1,030/4,000 videos checked, 30.0/s, 2 min left",
        "2,000/4,000 videos checked, 30.6/s, 1 min left",
    ]


def test_bar_does_not_count_what_was_done_before(monkeypatch, capsys):
    monkeypatch.setattr(_progress.sys.stderr, "isatty", lambda: True)
    with _progress.progress("videos checked") as show:
        for done in (50, 75, 100):
            show(done, 100)
    assert "100/100" in capsys.readouterr().err


def test_a_redirected_log_has_plain_lines_only(monkeypatch, capsys):
    times = iter([0.0, 31.0, 31.0 + 3000])
    monkeypatch.setattr(_progress, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with _progress.progress("batches") as show:
        for done in (0, 10, 20):
            show(done, 1000, "epoch 1/3")
    err = capsys.readouterr().err
    assert not set("\r\x1b") & set(err)
    assert err.splitlines()[0] == "epoch 1/3: 10/1,000 batches, 0.323/s, 51 min left"


def test_results_that_are_redirected_stay_out_of_the_bar(monkeypatch, capsys):
    monkeypatch.setattr(_progress.sys.stderr, "isatty", lambda: True)
    with _progress.progress("videos") as show:
        show(1, 2)
        print("a result")
    assert capsys.readouterr().out == "a result\n"


def test_the_bar_waits_for_the_total_and_says_left_of_a_time_only(monkeypatch, capsys):
    monkeypatch.setattr(_progress.sys.stderr, "isatty", lambda: True)
    with _progress.progress("videos") as show:
        pass
    assert "videos" not in capsys.readouterr().err
    with _progress.progress("videos") as show:
        show(0, 3)
    err = capsys.readouterr().err
    assert "0/3" in err
    assert "/?" not in err
    assert "left" not in err


def test_the_time_that_is_left_is_in_words():
    column = _progress._TimeLeft()
    for seconds, finished, words in ((None, False, ""), (200, False, "3 min left"), (0, True, "")):
        task = SimpleNamespace(time_remaining=seconds, finished=finished)
        assert column.render(task).plain == words


def test_nothing_is_left_at_the_end(monkeypatch, capsys):
    times = iter([0.0, 31.0])
    monkeypatch.setattr(_progress, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with _progress.progress("batches") as show:
        show(0, 3, "epoch 1/1")
        show(3, 3, "epoch 1/1")
    assert capsys.readouterr().err == "epoch 1/1: 3/3 batches, 0.0968/s\n"
