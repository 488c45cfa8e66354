"""The page in a real browser. Every test also fails at a console error or a request elsewhere."""

import base64
import io
import json
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from browser import chromium
from export_cards import small_recognizer
from motionlens._utils.numbers import percent
from motionlens.inference.recognizer import Recognizer
from motionlens.serving.app import STATIC, create_app
from motionlens.serving.config import ServingConfig

POSITION, KEPT = (0xE6, 0x9F, 0x00), (0x56, 0xB4, 0xE9)
DRAWN = "selector => document.querySelector(selector).drawn"
STRIP = ".pane canvas.strip"
# What the browser itself logs for an upload that the server refuses.
REFUSED = r"Failed to load resource: the server responded with a status of 422 \([A-Za-z ]+\)"


@pytest.fixture(scope="module")
def browser():
    # Not for the whole session: no other event loop can run in this thread meanwhile.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(recognizer, serve):
    with serve(create_app(recognizer, ServingConfig(max_upload_mb=2))) as address:
        yield address


@pytest.fixture
def open_page(browser, address):
    @contextmanager
    def opened(
        where=address,
        *,
        width=1280,
        height=900,
        expected_errors=(),
        num_refused=0,
        blocked=(),
        where_to="",
        is_ready=True,
        **options,
    ):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.set_default_timeout(20_000)
        errors, hosts = [], set()
        page.on("console", lambda m: errors.append(m.text) if m.type != "log" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url)[:2]))
        page.goto(f"{where}/{where_to}")
        if is_ready:
            page.wait_for_selector("body[data-ready]")
        yield page
        context.close()
        unexpected = [e for e in errors if not any(word in e for word in expected_errors)]
        refused = [error for error in unexpected if re.fullmatch(REFUSED, error)]
        assert len(refused) == num_refused
        assert [error for error in unexpected if error not in refused] == []
        here = urlsplit(where)[:2]
        assert {host for host in hosts if host[0] not in ("data", "blob")} - {*blocked} == {here}

    return opened


def show(page, path, *, pane=0):
    page.set_input_files(f".pane >> nth={pane} >> .drop input.file", path)
    page.wait_for_selector(f".pane >> nth={pane} >> canvas.strip")


def middle(drawn, explanation, module, frame, row, column):
    """Where the middle of a cell lies on the canvas, by the data alone."""
    box = drawn["frames"][frame]
    top, left, height, width = explanation.box(module, row, column)
    scale = box["width"] / explanation.frames.shape[2]
    return box["x"] + (left + width / 2) * scale, box["y"] + (top + height / 2) * scale


def assert_lines(drawn, explanation, module):
    position = tuple(drawn["position"][name] for name in ("frame", "row", "column"))
    assert drawn["module"] == module
    assert drawn["k"] == explanation.modules[module].k
    match = explanation.match(module, *position)
    start = middle(drawn, explanation, module, *position)
    assert len(drawn["lines"]) == len(match.targets)
    for line, target in zip(drawn["lines"], match.targets, strict=True):
        assert tuple(line[name] for name in ("frame", "row", "column")) == target[:3]
        assert line["wins"] == target.wins
        assert (line["from"]["x"], line["from"]["y"]) == pytest.approx(start, abs=0.01)
        end = middle(drawn, explanation, module, *target[:3])
        assert (line["to"]["x"], line["to"]["y"]) == pytest.approx(end, abs=0.01)


def pixels(page, selector=STRIP):
    """The canvas in CSS pixels, uint8 (H, W, 4)."""
    address = page.evaluate("selector => document.querySelector(selector).toDataURL()", selector)
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGBA"))


def hover(page, drawn, explanation, module, position, selector=STRIP):
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    x, y = middle(drawn, explanation, module, *position)
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_function(
        """([selector, at]) => {
          const {position} = document.querySelector(selector).drawn;
          return position && JSON.stringify(position) === JSON.stringify(at);
        }""",
        arg=[selector, dict(zip(("frame", "row", "column"), position, strict=True))],
    )
    return page.evaluate(DRAWN, selector)


@pytest.fixture(params=["generated", "real"])
def clip(request, clips):
    if request.param == "generated":
        return clips["move_left"]
    data = request.getfixturevalue("test_data")
    return data / "data" / "clips" / "torchcodec_nasa_13013.mp4"


@pytest.mark.slow
def test_hovering_shows_the_lines_that_the_recognizer_explains(open_page, recognizer, clip):
    explanation = recognizer.explain(clip)
    module = list(explanation.modules)[-1]
    rows, columns = explanation.modules[module].grid
    with open_page() as page:
        show(page, clip)
        assert page.inner_text(".pane .best") == explanation.prediction.label
        shown = [word.strip() for word in page.locator(".pane .labels .word").all_inner_texts()]
        assert shown == list(explanation.prediction.labels)
        # At first the position that the last module matched best.
        drawn = page.evaluate(DRAWN, STRIP)
        assert tuple(drawn["position"].values()) == explanation.best_matched(module)[:3]
        assert_lines(drawn, explanation, module)
        for position in ((0, 0, 0), (1, rows - 1, 0), (2, 2, 3), (3, rows - 1, columns - 1)):
            drawn = hover(page, drawn, explanation, module, position)
            assert tuple(drawn["position"].values()) == position
            assert_lines(drawn, explanation, module)
            where = page.inner_text(".pane .where")
            assert where.startswith("Frame {}, row {}, column {}".format(*position))
            assert page.locator(".pane .matches tbody tr").count() == len(drawn["lines"])


def test_the_picture_is_what_the_data_says(open_page, recognizer, clips):
    explanation = recognizer.explain(clips["static"])
    module = list(explanation.modules)[1]
    with open_page() as page:
        show(page, clips["static"])
        page.keyboard.press("Tab")
        page.locator(f"#modules input[value='{module}']").check()
        drawn = page.evaluate(DRAWN, STRIP)
        picture = pixels(page)
        scale = drawn["frames"][0]["width"] / 32
        half = explanation.box(module, 0, 0)[3] * scale / 2
        x, y = drawn["lines"][0]["from"].values()
        assert tuple(picture[round(y), round(x - half)][:3]) == pytest.approx(POSITION, abs=40)
        kept = [line for line in drawn["lines"] if line["wins"]]
        assert kept
        for line in kept:
            x, y = line["to"].values()
            corner = picture[round(y + half) - 3 : round(y + half) + 3, round(x) - 3 : round(x) + 3]
            assert np.abs(corner[..., :3].astype(int) - KEPT).sum(-1).min() < 60
        # Nothing but what belongs to the picture can be reached through it.
        page.evaluate("document.querySelector('.strip').drawn.lines[0].wins = -1")
        assert page.evaluate(DRAWN, STRIP) == drawn


def test_modules_and_k_are_switched(open_page, recognizer, clips):
    path = clips["move_right"]
    first, second = recognizer.explain(path).modules
    with open_page() as page:
        show(page, path)
        # Where nobody has chosen a position, each module shows what it matched best.
        page.locator("#modules label", has_text=first).click()
        drawn = page.evaluate(DRAWN, STRIP)
        best = recognizer.explain(path).best_matched(first)[:3]
        assert tuple(drawn["position"].values()) == best
        page.locator("#modules label", has_text=second).click()
        drawn = page.evaluate(DRAWN, STRIP)
        assert_lines(drawn, recognizer.explain(path), second)
        best = recognizer.explain(path).best_matched(second)[:3]
        assert tuple(drawn["position"].values()) == best
        page.locator("#modules label", has_text=first).click()
        page.press(STRIP, "ArrowDown")
        before = page.evaluate(DRAWN, STRIP)
        page.locator("#modules label", has_text=second).click()
        drawn = page.evaluate(DRAWN, STRIP)
        assert_lines(drawn, recognizer.explain(path), second)
        # The same spot, on a grid half as fine.
        assert drawn["position"]["row"] == before["position"]["row"] // 2
        page.click("#k-more")
        page.wait_for_function("() => document.querySelector('.strip').drawn.k === 3")
        assert_lines(page.evaluate(DRAWN, STRIP), recognizer.explain(path, k=3), second)
        page.fill("#k", "1")
        page.press("#k", "Enter")
        page.wait_for_function("() => document.querySelector('.strip').drawn.k === 1")
        page.locator("#modules label", has_text=first).click()
        explanation = recognizer.explain(path, k=1)
        assert_lines(page.evaluate(DRAWN, STRIP), explanation, first)
        assert page.inner_text(".pane .best") == explanation.prediction.label


@pytest.mark.slow
def test_a_k_that_is_too_large_is_told_of(open_page, clips):
    with open_page(num_refused=1) as page:
        show(page, clips["static"])
        page.fill("#k", "64")
        page.press("#k", "Enter")
        page.wait_for_selector("#notice:not([hidden])")
        assert "k must be at most" in page.inner_text("#notice")
        # What is shown is that of the k before, and says so.
        assert page.input_value("#k") == "2"
        assert page.evaluate(DRAWN, STRIP)["k"] == 2
        page.fill("#k", "1")
        page.press("#k", "Enter")
        page.wait_for_selector("#notice", state="hidden")


@pytest.mark.slow
def test_k_changes_while_a_clip_is_on_its_way(open_page, recognizer, clips):
    held = []

    def hold_the_first(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    with open_page() as page:
        show(page, clips["move_left"])
        page.click("#compare")
        page.route("**/explain*", hold_the_first)
        page.set_input_files(".pane >> nth=1 >> .drop input.file", clips["move_right"])
        page.click("#k-more")
        page.wait_for_selector(".pane >> nth=1 >> canvas.strip")
        for number, path in enumerate((clips["move_left"], clips["move_right"])):
            canvas = page.locator(".pane").nth(number).locator("canvas.strip")
            page.wait_for_function(
                "([number]) => document.querySelectorAll('.strip')[number].drawn?.k === 3",
                arg=[number],
            )
            drawn = canvas.evaluate("canvas => canvas.drawn")
            assert_lines(drawn, recognizer.explain(path, k=3), drawn["module"])
        assert len(held) == 1


@pytest.mark.slow
def test_the_heat_map_covers_what_the_network_sees(open_page, clips):
    with open_page() as page:
        show(page, clips["static"])
        before = pixels(page)
        assert page.locator(".mark.heat").is_hidden()
        page.locator("#heat").check()
        after = pixels(page)
        assert page.locator(".mark.heat").is_visible()
        assert (before != after).any(-1).mean() > 0.5
        page.locator("#heat").uncheck()
        np.testing.assert_array_equal(pixels(page), before)


@pytest.mark.parametrize(
    ("name", "content", "message", "num_refused"),
    [
        ("notes.mp4", b"no video at all", "notes.mp4: is not a video that is known here", 2),
        ("cut.mp4", b"\0\0\0\x18ftypmp42" + b"x" * 99, "cut.mp4: cannot be read as a video", 2),
        # The page itself refuses what is too large, and sends nothing.
        ("big.mp4", b"x" * 2_100_000, "big.mp4 has 2.1 MB; the server takes 2 MB at most", 0),
    ],
)
@pytest.mark.slow
def test_an_invalid_file_is_told_of_and_the_page_goes_on(
    open_page, clips, tmp_path, name, content, message, num_refused
):
    (tmp_path / name).write_bytes(content)
    with open_page(num_refused=num_refused) as page:
        page.set_input_files(".drop input.file", tmp_path / name)
        notice = page.wait_for_selector("#notice[role=alert]:not([hidden])")
        assert message in notice.inner_text()
        assert page.locator(".pane").get_attribute("data-state") == "empty"
        show(page, clips["static"])
        assert page.locator("#notice").is_hidden()
        # A shown clip stays when the next one cannot be read.
        page.set_input_files(".pane-head input.file", tmp_path / name)
        page.wait_for_selector("#notice:not([hidden])")
        assert page.inner_text(".pane .name") == "static.mp4"


def test_everything_can_be_done_with_keys(open_page, recognizer, clips):
    path = clips["move_left"]
    explanation = recognizer.explain(path)
    first, second = explanation.modules

    def at():
        drawn = page.evaluate(DRAWN, STRIP)
        assert_lines(drawn, explanation, drawn["module"])
        return tuple(drawn["position"].values())

    with open_page() as page:
        show(page, path)
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('canvas.strip')"):
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.keyboard.press("m")
        ranked = [position[:3] for position in explanation.ranked(first)]
        best = explanation.best_matched(first)[:3]
        rank = ranked.index(best)
        assert at() == best
        page.keyboard.press("n")
        assert at() == ranked[(rank + 1) % len(ranked)]
        page.keyboard.press("p")
        page.keyboard.press("p")
        assert at() == ranked[rank - 1]
        for key in ("Home", *["ArrowUp"] * 9, *["ArrowLeft"] * 9):
            page.keyboard.press(key)
        assert at() == (0, 0, 0)
        for key, expected in (
            ("ArrowRight", (0, 0, 1)),
            ("ArrowDown", (0, 1, 1)),
            ("]", (1, 1, 1)),
            ("End", (3, 1, 1)),
            ("]", (3, 1, 1)),
            ("[", (2, 1, 1)),
        ):
            page.keyboard.press(key)
            assert at() == expected
        assert page.inner_text(".pane .time").startswith("frame 2")
        # What a screen reader is told is what is drawn.
        match = explanation.match(first, 2, 1, 1)
        kept = sum(target.wins > 0 for target in match.targets)
        said = f"Frame 2, row 1, column 1: {kept} of {len(match.targets)} proposals kept"
        page.wait_for_function(
            "text => document.querySelector('.said[aria-live]').textContent.startsWith(text)",
            arg=said,
        )
        page.keyboard.press("m")
        assert page.evaluate(DRAWN, STRIP)["module"] == second
        assert at() == (2, 0, 0)
        page.keyboard.press("h")
        assert page.locator("#heat").is_checked()
        page.keyboard.press("Space")
        assert page.get_attribute(".play", "aria-pressed") == "true"
        page.keyboard.press("Space")
        assert page.get_attribute(".play", "aria-pressed") == "false"


def test_controls_have_names(open_page, clips):
    with open_page() as page:
        show(page, clips["static"])
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, input, canvas, select, summary")]
              .filter((element) => !(element.ariaLabel || element.innerText?.trim()
                || element.textContent.trim() || element.labels?.length))
              .map((element) => element.outerHTML)"""
        )
        assert nameless == []
        assert page.inner_text(".spoken[role=status]").startswith("Prediction: ")
        assert page.get_attribute("html", "lang") == "en"


@pytest.mark.slow
def test_frames_are_scrubbed_and_played(open_page, clips):
    with open_page() as page:
        show(page, clips["move_left"])
        seen = {}
        for frame in range(4):
            page.locator(".scrub").fill(str(frame))
            assert page.inner_text(".pane .time").startswith(f"frame {frame} ")
            if frame in (0, 3):
                seen[frame] = pixels(page, ".pane canvas.stage")
        assert (seen[0] != seen[3]).any()
        assert page.get_attribute(".scrub", "aria-valuetext").startswith("frame 3 ")
        page.click(".play")
        page.wait_for_function("() => document.querySelector('.scrub').value === '1'")
        page.click(".play")


@pytest.mark.slow
def test_two_clips_are_compared(open_page, recognizer, clips):
    left, right = clips["move_left"], clips["move_right"]
    second = list(recognizer.explain(left).modules)[1]
    with open_page() as page:
        show(page, left)
        page.click("#compare")
        assert page.locator("#compare").is_hidden()
        show(page, right, pane=1)
        page.locator("#modules label", has_text=second).click()
        for number, path in enumerate((left, right)):
            pane = page.locator(".pane").nth(number)
            drawn = pane.locator("canvas.strip").evaluate("canvas => canvas.drawn")
            assert_lines(drawn, recognizer.explain(path), second)
        boxes = [pane.bounding_box() for pane in page.locator(".pane").all()]
        assert boxes[0]["y"] == boxes[1]["y"]
        assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
        page.locator(".remove").first.click()
        assert page.locator(".pane").count() == 1
        assert page.inner_text(".pane .name") == right.name


@pytest.mark.slow
def test_data_and_picture_are_downloaded(open_page, recognizer, clips):
    path = clips["move_left"]
    with open_page() as page:
        show(page, path)
        with page.expect_download() as saved:
            page.click(".json")
        expected = {**recognizer.explain(path).to_dict(), "path": path.name}
        assert json.loads(saved.value.path().read_text()) == json.loads(json.dumps(expected))
        assert saved.value.suggested_filename == "move_left-layer3.0.json"
        with page.expect_download() as saved:
            page.click(".picture")
        with Image.open(saved.value.path()) as picture:
            assert picture.format == "PNG"
            assert picture.width == 2400
            colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        assert (np.abs(colours.astype(int) - POSITION).sum(-1) < 10).any()
        # The heat map brings a line of the legend with it.
        page.locator("#heat").check()
        with page.expect_download() as saved:
            page.click(".picture")
        with Image.open(saved.value.path()) as hot:
            assert hot.height == picture.height + 2 * 26


def test_a_file_is_dropped_into_the_page(open_page, clips):
    with open_page() as page:
        content = list(clips["static"].read_bytes())
        page.evaluate(
            """content => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([new Uint8Array(content)], "dropped.mp4"));
              const event = new DragEvent("drop", {dataTransfer: transfer, bubbles: true});
              document.querySelector(".drop").dispatchEvent(event);
            }""",
            content,
        )
        page.wait_for_selector(".pane[data-state=shown]")
        assert page.inner_text(".pane .name") == "dropped.mp4"


def test_the_example_is_shown(open_page):
    with open_page() as page:
        page.click(".drop .example")
        page.wait_for_selector(".pane[data-state=shown]")
        assert page.inner_text(".pane .name") == "example.mp4"


@pytest.mark.slow
def test_the_example_of_the_bundled_recognizer_opens_on_a_patch_that_moves(open_page, serve):
    bundled = Recognizer.from_pretrained()
    with serve(create_app(bundled)) as address, open_page(address) as page:
        knows = page.inner_text("#knows")
        assert "names the direction in which things move" in knows
        assert "no actions, gestures or objects" in knows
        assert "7 labels: left, right, up, down, closer, away, still" in knows
        page.click(".drop .example")
        page.wait_for_selector(".pane[data-state=shown]")
        assert page.inner_text(".pane .best") == "right"
        assert page.inner_text(".pane .rest .knows") == knows
        drawn = page.evaluate(DRAWN, STRIP)
        assert drawn["module"] == list(bundled.explain(STATIC / "example.mp4").modules)[-1]
        # Most channels keep matches that lie right of it in later frames, left of it in earlier.
        position = drawn["position"]
        right = sum(
            line["wins"]
            for line in drawn["lines"]
            if (line["frame"] - position["frame"]) * (line["column"] - position["column"]) > 0
        )
        assert right > 0.6 * sum(line["wins"] for line in drawn["lines"])


@pytest.mark.slow
def test_many_labels_are_folded_and_names_are_written_as_they_are(open_page, serve, clips):
    names = tuple(f"<b>{i}</b> 左 👋 {'long ' * 20}name" for i in range(40))
    many = small_recognizer("c2d_nano", {"widths": [4, 8, 8, 8]}, size=32, class_names=names)
    with serve(create_app(many)) as address, open_page(address, width=360, height=780) as page:
        assert page.inner_text("#knows summary") == "It knows 40 labels"
        page.click("#knows summary")
        assert names[39] in page.inner_text("#knows .names")
        page.set_input_files(".drop input.file", clips["static"])
        page.wait_for_selector(".pane[data-state=shown]")
        assert page.inner_text(".pane .best") in names
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_percentages_are_those_of_the_command_line(open_page):
    shares = [0.0, 1e-9, 0.0004, 0.0005, 0.00051, 0.5, 0.123456, 0.9994, 0.9996, 0.9999999, 1.0]
    with open_page() as page:
        found = page.evaluate(
            """async (shares) => {
              const { percent } = await import("/static/dom.js");
              return shares.map(percent);
            }""",
            shares,
        )
    assert found == [percent(share) for share in shares]


def test_a_live_label_is_seen_from_its_own_threshold_on(open_page):
    with open_page() as page:
        found = page.evaluate(
            """async () => {
              const { Smoothing } = await import("/static/smoothing.js");
              const seen = [];
              const see = (options, ...windows) => {
                const tell = ({ label }) => seen.push(label);
                const smoothing = new Smoothing(["a", "b"], tell, options);
                return windows.map((values, number) => {
                  const labels = ["a", "b"].map((label, i) => ({ label, probability: values[i] }));
                  smoothing.push(labels, 99 * number);
                  return smoothing.label;
                });
              };
              const several = { isSeveral: true, thresholds: [0.9, 0.2] };
              return [
                ...see(several, [0.8, 0.3], [0.95, 0.3], [0.7, 0.1]),
                ...see({}, [0.55, 0.45], [0.7, 0.3], [0.3, 0.7]),
                seen.join(" "),
              ];
            }"""
        )
    assert found == ["b", "b, a", "a", None, "a", "b", "b a a b"]


@pytest.mark.slow
def test_the_camera_is_recorded_and_watched(open_page, recognizer):
    with open_page() as page:
        page.click(".drop .live")
        page.wait_for_function(
            "() => document.querySelectorAll('#live-labels li').length > 0", timeout=120_000
        )
        words = set(page.locator("#live-labels .word").all_inner_texts())
        assert words <= set(recognizer.class_names)
        page.keyboard.press("Escape")
        page.wait_for_function("() => document.querySelector('#camera-video').srcObject === null")
        page.click(".drop .record")
        page.click("#record-start:enabled")
        page.wait_for_selector(".pane[data-state=shown]", timeout=120_000)
        assert page.inner_text(".pane .name") == "recording.webm"
        assert page.locator("#camera").is_hidden()


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.slow
def test_it_fits_a_phone_and_is_tapped(open_page, recognizer, clips, is_dark):
    path = clips["move_left"]
    explanation = recognizer.explain(path)
    scheme = "dark" if is_dark else "light"
    with open_page(width=390, height=844, has_touch=True, color_scheme=scheme) as page:

        def width():
            return page.evaluate("document.documentElement.scrollWidth")

        assert width() == 390
        show(page, path)
        assert width() == 390
        drawn = page.evaluate(DRAWN, STRIP)
        assert len({box["x"] for box in drawn["frames"]}) == 2
        module = drawn["module"]
        # What is tapped, and where that was found, lie on one screen: so does the picture itself.
        stage = page.locator(".pane canvas.stage")
        stage.tap(position={"x": 20, "y": 20})
        on_stage = page.evaluate(DRAWN, ".pane canvas.stage")
        position = page.evaluate(DRAWN, STRIP)["position"]
        expected = explanation.match(module, *position.values()).targets
        assert sorted(line["frame"] for line in on_stage) == sorted(each.frame for each in expected)
        scale = stage.bounding_box()["width"] / explanation.frames.shape[2]
        for line in on_stage:
            top, left, height, wide = explanation.box(module, line["row"], line["column"])
            at = ((left + wide / 2) * scale, (top + height / 2) * scale)
            assert (line["to"]["x"], line["to"]["y"]) == pytest.approx(at, abs=0.01)
        strip, stage = (page.locator(each).bounding_box() for each in (STRIP, ".pane canvas.stage"))
        assert stage["y"] + stage["height"] <= 844
        assert strip["y"] + strip["height"] / 2 <= 844
        assert page.evaluate("scrollY") == 0
        box = page.locator(STRIP).bounding_box()
        x, y = middle(drawn, explanation, module, 3, 2, 1)
        page.locator(STRIP).tap(position={"x": x, "y": y})
        drawn = page.evaluate(DRAWN, STRIP)
        assert tuple(drawn["position"].values()) == (3, 2, 1)
        assert_lines(drawn, explanation, module)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        page.click("#compare")
        show(page, path, pane=1)
        assert width() == 390
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 380) == is_dark


@pytest.mark.slow
def test_a_network_without_modules_shows_labels_alone(open_page, serve, clips):
    plain = small_recognizer("c2d_nano", {"widths": [4, 8, 8, 8]}, size=32)
    with serve(create_app(plain)) as address, open_page(address) as page:
        page.set_input_files(".drop input.file", clips["static"])
        page.wait_for_selector(".pane[data-state=shown]")
        assert page.inner_text(".pane .best") == plain.predict(clips["static"]).label
        assert "labels alone" in page.inner_text(".pane .note")
        assert page.locator(STRIP).is_hidden()


@pytest.mark.slow
def test_the_interface_is_described_on_a_page_of_its_own(open_page, address):
    with open_page() as page:
        page.goto(f"{address}/docs")
        page.wait_for_selector(".reference article")
        text = page.inner_text("#reference")
        for word in ("/predict", "/explain", "/healthz", "ErrorAnswer", "proposals per position"):
            assert word in text
        assert page.evaluate("document.documentElement.scrollWidth") == 1280


@pytest.mark.slow
def test_nothing_else_can_be_reached_from_the_page(open_page):
    # The browser tells of requests that it then refuses.
    with open_page(expected_errors=["Content Security"], blocked=[("http", "127.0.0.2:9")]) as page:
        result = page.evaluate("fetch('http://127.0.0.2:9/').catch((error) => error.name)")
        assert result == "TypeError"
        blocked = page.evaluate(
            """() => new Promise((resolve) => {
              addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
              document.body.append(Object.assign(new Image(), {src: "http://127.0.0.2:9/a.png"}));
            })"""
        )
        assert blocked == "img-src"


TOKEN = "a-secret-of-many-letters"


@pytest.fixture(scope="module")
def locked(recognizer, serve):
    with serve(create_app(recognizer, token=TOKEN)) as address:
        yield address


def test_the_page_asks_for_the_token_until_it_is_right(open_page, locked, clips):
    refused = r"status of 401"
    with open_page(locked, expected_errors=[refused], is_ready=False) as page:
        page.fill("#token-value", "wrong-secret-of-many")
        page.click("#token button")
        page.wait_for_selector("#token-wrong:visible")
        page.fill("#token-value", TOKEN)
        page.press("#token-value", "Enter")
        page.wait_for_selector("body[data-ready]")
        assert not page.is_visible("#token")
        show(page, clips["static"])
        # Another tab asks again; this one does not.
        page.reload()
        page.wait_for_selector("body[data-ready]")


def test_a_link_brings_the_token_along_without_sending_it(open_page, locked, clips):
    with open_page(locked, where_to=f"#token={TOKEN}") as page:
        assert page.url == f"{locked}/"
        show(page, clips["static"])
