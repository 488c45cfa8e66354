import pytest
from fastapi.testclient import TestClient

from motionlens.serving.app import create_app
from motionlens.serving.guard import check_token

TOKEN = "a-secret-of-many-letters"
# What a browser sends from a page of another site, one header at a time.
ELSEWHERE = [
    {"origin": "https://elsewhere.example"},
    {"origin": "http://localhost:9000"},  # another program on this machine
    {"origin": "http://localhost:8000.elsewhere.example"},
    {"origin": "http://localhost:8000@elsewhere.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://["},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "CROSS-SITE", "sec-fetch-mode": "navigate"},
]
OWN = [
    {},
    {"origin": "http://localhost:8000"},
    {"origin": "HTTP://LOCALHOST:8000", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
]


@pytest.fixture(scope="module")
def client(recognizer):
    app = create_app(recognizer, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
    with TestClient(app, base_url="http://localhost:8000") as client:
        yield client


def post(client, path, headers=None):
    files = {"file": (path.name, path.read_bytes())}
    return client.post("/predict", files=files, headers=headers)


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_requests_of_other_sites_are_refused(client, clips, headers):
    answer = post(client, clips["static"], headers)
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("the request comes from a page of another site; ")
    for path in ("/model", "/metrics", "/"):
        assert client.get(path, headers=headers).status_code == 403
    assert client.options("/predict", headers=headers).status_code == 403


def test_two_origins_are_one_too_many(client, clips):
    headers = [("origin", "http://localhost:8000"), ("origin", "http://elsewhere.example")]
    assert post(client, clips["static"], headers).status_code == 403


@pytest.mark.parametrize("headers", OWN)
def test_the_own_page_and_programs_are_let_in(client, clips, headers):
    assert post(client, clips["static"], headers).status_code == 200


def test_a_link_to_the_page_may_be_anywhere(client, clips):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers={**link, "sec-fetch-dest": "document"}).status_code == 200
    assert client.get("/", headers={**link, "sec-fetch-dest": "iframe"}).status_code == 403
    # A form that another site sends is no link.
    form = {**link, "sec-fetch-dest": "document"}
    assert post(client, clips["static"], form).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("elsewhere.example:8000", 400),
        ("localhost.elsewhere.example", 400),
        ("elsewhere.example:localhost", 400),
        ("localhost:8000@elsewhere.example", 400),
        ("", 400),
    ],
)
def test_only_own_names_are_answered(client, host, status):
    # A page of elsewhere.example whose name now leads here is its own origin.
    answer = client.get("/healthz", headers={"host": host, "origin": f"http://{host}"})
    assert answer.status_code == (status if host != "" else 400)
    if status == 400:
        assert "--public_host" in answer.json()["error"]


def test_a_proxy_is_asked_by_its_own_name(recognizer):
    app = create_app(recognizer, allowed_hosts=["localhost"], public_host="motion.example")
    with TestClient(app) as client:
        for headers in (
            {"host": "motion.example", "origin": "https://motion.example"},
            {"host": "localhost:8000", "origin": "https://motion.example"},
            {"host": "localhost:8000", "origin": "http://localhost:8000"},
        ):
            assert client.get("/model", headers=headers).status_code == 200
        other = {"host": "motion.example", "origin": "https://other.example"}
        assert client.get("/model", headers=other).status_code == 403


@pytest.fixture(scope="module")
def locked(recognizer):
    with TestClient(create_app(recognizer, token=TOKEN)) as client:
        yield client


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        "Bearer \xe9\xff",
    ],
)
def test_without_the_token_nothing_is_told_and_nothing_read(locked, clips, given):
    headers = {} if given is None else {"authorization": given.encode("latin-1")}
    for path in ("/model", "/metrics", "/nowhere"):
        answer = locked.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text
    assert post(locked, clips["static"], headers).status_code == 401
    assert locked.post("/explain", content=b"x", headers=headers).status_code == 401


def test_with_the_token_all_is_answered(locked, clips):
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert post(locked, clips["static"], headers).status_code == 200
    assert locked.get("/model", headers=headers).status_code == 200
    # The token does not open the door to other sites.
    other = {**headers, "origin": "https://elsewhere.example"}
    assert post(locked, clips["static"], other).status_code == 403


def test_the_page_that_asks_for_the_token_needs_none(locked):
    for path in ("/", "/docs", "/static/main.js", "/example.mp4", "/healthz", "/openapi.json"):
        assert locked.get(path).status_code == 200
    assert locked.get("/static/../model").status_code == 401
    assert locked.get("/static/%2e%2e/%2e%2e/server.py").status_code == 404
    description = locked.get("/openapi.json").json()
    assert description["paths"]["/predict"]["post"]["security"] == [{"HTTPBearer": []}]


@pytest.mark.parametrize("token", ["", "short", "has spaces in between", "ümlauts-of-many-kinds"])
def test_tokens_that_cannot_be_used_are_refused_without_being_shown(token):
    with pytest.raises(ValueError, match=r"^--token must have at least 16 letters") as found:
        check_token("--token", token)
    assert not token or token not in str(found.value)
