"""What attackers try on the running server: paths of their own, other web sites, other users of the computer."""

import asyncio
import base64
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import write_images
from fake_engines import use_fake_engines
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from video_files import make_video

from vas_tool.errors import InputError, ProjectError
from vas_tool.project import Project
from vas_tool.types import Click
from vas_tool.ui.access import Access, Place
from vas_tool.ui.access_middleware import BODY_LIMIT
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.opening import Opener
from vas_tool.ui.secret import kept_secret, secret_file
from vas_tool.ui.server import make_app
from vas_tool.ui.uploads import UPLOAD_ROUTE as UPLOAD
from vas_tool.ui.uploads import Uploads, add_upload_route

HOST = "127.0.0.1:7860"
HERE = f"http://{HOST}"
JOIN = "/gradio_api/queue/join"
SECRET = "a-secret-of-this-test"


def app_of(open_projects: OpenProjects, access: Access) -> FastAPI:
    """``make_app``, in an event loop: without one Gradio makes several, and leaves them open."""

    async def make() -> FastAPI:
        return make_app(Opener(open_projects), access)

    return asyncio.run(make())


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where uploads go."""
    return tmp_path_factory.mktemp("sent")


@pytest.fixture(scope="module")
def open_projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenProjects]:
    open_projects = OpenProjects(tmp_path_factory.mktemp("root"))
    yield open_projects
    open_projects.close()


@pytest.fixture(scope="module")
def web(open_projects: OpenProjects, sent: Path) -> Iterator[TestClient]:
    """A server without a secret: what holds for who is let in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(sent))
        with TestClient(app_of(open_projects, Access()), base_url=HERE) as web:
            yield web


def client(open_projects: OpenProjects, access: Access) -> TestClient:
    """Of a server that has not run up: its events do not work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
        return TestClient(app_of(open_projects, access), base_url=HERE)


def event_id(web: TestClient, component: str) -> int:
    """The number of the event that takes a component's value."""
    config = web.get("/config").json()
    ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
    return next(d["id"] for d in config["dependencies"] if ids[component] in d["inputs"] and d["inputs"])


def send(web: TestClient, component: str, value: Any, *, tab: str = "tab") -> Any:
    """What an event answers: its output, or the response that refuses it."""
    body = {"data": [value, 8, 0, 0], "fn_index": event_id(web, component), "session_hash": tab}
    joined = web.post(JOIN, json=body)
    if joined.status_code != 200:
        return joined
    messages = [
        json.loads(line[5:]) for line in web.get(f"/gradio_api/queue/data?session_hash={tab}").iter_lines() if line
    ]
    return next(m["output"] for m in messages if m["msg"] == "process_completed")


def as_file(path: Path | str) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("component", ["upload", "path"])
@pytest.mark.parametrize("ours", [True, False], ids=["our check", "Gradio's check"])
def test_no_path_that_a_client_invents_is_touched(
    web: TestClient, component: str, ours: bool, sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "words.txt").write_text("precious")
    if not ours:
        monkeypatch.setattr("vas_tool.ui.access_middleware.paths_in", lambda event: [])
    for path in (victim / "words.txt", victim / "none.mp4", victim):
        answer = send(web, component, as_file(path))
        refused = answer.status_code == 403 if ours else "not uploaded by a user" in answer["error"]
        assert refused, answer
    assert (victim / "words.txt").read_text() == "precious"
    assert not [p for p in sent.rglob("*") if p.is_file() and p.read_bytes() == b"precious"]


@pytest.mark.parametrize("path", ["https://example.org/a.mp4", "file:///etc/passwd", "a\x00b", None, ["a"]])
def test_no_address_is_fetched_as_an_upload(web: TestClient, path: Any) -> None:
    for value in (as_file("x") | {"path": path}, [{"deep": as_file("x") | {"path": path}}]):
        assert send(web, "upload", value).status_code == 403


def test_an_upload_is_used_once_and_only_it_is_deleted(
    web: TestClient, open_projects: OpenProjects, sent: Path
) -> None:
    path = web.post(UPLOAD, files={"files": ("../../Birds.MTS", b"no video")}).json()[0]
    assert Path(path).name == "Birds.MTS" and Path(path).is_relative_to(sent)
    beside = Path(path).with_name("beside")
    beside.touch()
    assert "Birds.MTS" in send(web, "upload", as_file(path))["data"][1]  # what is wrong with it
    assert not Path(path).exists() and beside.exists()
    assert send(web, "upload", as_file(path)).status_code == 403
    assert not any(name.startswith("Birds") for name in open_projects.projects())


def test_the_same_video_from_three_tabs_at_once(web: TestClient, open_projects: OpenProjects, tmp_path: Path) -> None:
    video = make_video(tmp_path / "three.mp4", 3).read_bytes()
    paths = [web.post(UPLOAD, files={"files": ("three.mp4", video)}).json()[0] for _ in range(3)]
    outputs = [send(web, "upload", as_file(path), tab=f"tab{i}") for i, path in enumerate(paths)]
    assert [output["data"][1] for output in outputs] == [""] * 3
    assert {"three", "three-2", "three-3"} <= set(open_projects.projects())
    assert not any(Path(path).exists() for path in paths)


def test_uploads_are_private_and_gone_when_the_server_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "sent"))
    with TestClient(app_of(OpenProjects(tmp_path / "root"), Access()), base_url=HERE) as web:
        path = Path(web.post(UPLOAD, files={"files": ("a.mp4", b"0")}).json()[0])
        assert path.is_relative_to(tmp_path / "sent") and path.parent.stat().st_mode & 0o077 == 0
    assert list((tmp_path / "sent").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["..", "", "\\..\\..\\evil", "a" * 500 + ".mp4", "ä\x00\n.mp4", "/etc/passwd", "...mp4"]
)
def test_a_name_is_never_a_way(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    uploads = Uploads()
    path = uploads.place(name)
    path.write_bytes(b"")
    assert path.resolve() == path and path.parent.parent == uploads.folder
    with pytest.raises(InputError, match="upload it again"):
        uploads.take(f"{path.parent}/../{path.parent.name}/{path.name}")
    assert uploads.take(str(path)) == path
    uploads.close()
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)


SHUT = [
    *("file=/etc/passwd", "file/etc/passwd", "proxy=http://127.0.0.1:9/", "deep_link?session_hash=a", "token", "user"),
    *("dev/reload", "runs", "openapi.json", "info", "queue/status", "stream/a/b/1/playlist.m3u8", "vibe-code/"),
]


def test_of_gradios_routes_only_those_of_this_page_are_open(web: TestClient) -> None:
    assert {web.get(f"/gradio_api/{path}").status_code for path in SHUT} == {404}
    assert {web.get(path).status_code for path in ("/monitoring", "/monitoring/summary", "/logout", "/docs")} == {404}
    posts = ("component_server", "process_recording", "vibe-edit", "call/x", "call/v2/x", "stream/x")
    assert {web.post(f"/gradio_api/{path}", json={}).status_code for path in posts} == {404}
    assert web.get("/workbench/..%2fserver.py").status_code == 404


FOREIGN_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "10.1.2.3:7860",
    "localhost.evil.example",
    "evil.example:80",
    "a@127.0.0.1",
]
OWN_HOSTS = ["localhost", "LOCALHOST:9", "127.0.0.1:80", "[::1]:7860", "127.3.2.1", "localhost."]


def test_only_known_names_are_answered(web: TestClient) -> None:
    assert {web.get("/config", headers={"Host": host}).status_code for host in FOREIGN_HOSTS} == {421}
    assert {web.get("/config", headers={"Host": host}).status_code for host in OWN_HOSTS} == {200}
    refused = web.get("/", headers={"X-Forwarded-Host": "evil.example"})
    assert refused.status_code == 421 and "--allow-host" in refused.text


FOREIGN_PAGES: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:7861"},
    {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": f"file://{HOST}"},
]


def test_pages_of_other_sites_change_nothing(web: TestClient, open_projects: OpenProjects) -> None:
    for headers in FOREIGN_PAGES:
        answers = [
            web.post(UPLOAD, files={"files": ("a.mp4", b"0")}, headers=headers),
            web.post(JOIN, json={"data": [], "fn_index": 0, "session_hash": "a"}, headers=headers),
            web.post("/api/a/do", json={}, headers=headers),
            web.get("/gradio_api/heartbeat/a", headers=headers),
            web.get("/config", headers=headers),
        ]
        assert {answer.status_code for answer in answers} == {403}, headers
    own = [{"Origin": HERE}, {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
    assert {web.post("/api/a/do", json={}, headers=headers).status_code for headers in own} == {404}
    assert (
        web.options(
            JOIN, headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        ).status_code
        == 403
    )


def test_a_link_on_another_site_may_be_followed_but_not_framed(web: TestClient) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    page = web.get("/", headers=followed)
    assert page.status_code == 200 and "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert web.get("/", headers={**followed, "Sec-Fetch-Dest": "iframe"}).status_code == 403


def request(**headers: str) -> HTTPConnection:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": pairs})


def status(access: Access, **headers: str) -> int:
    refused = access.refusal(request(**headers))
    return refused.status if refused else 200


def test_names_that_were_allowed() -> None:
    access = Access(allowed=["Example.org", "lab.example:8080"])
    assert status(access, host="example.org") == status(access, host="lab.example:1") == 200
    assert status(access, host="sub.example.org") == 421
    # A proxy that says another host than the browser asked: the allowed name is the page's own.
    assert status(access, host=HOST, origin="https://example.org") == 200
    assert status(access, host=HOST, origin="http://lab.example:8080") == 200
    assert status(access, host=HOST, origin="http://lab.example") == 403
    assert status(access, host=HOST, x_forwarded_host="example.org:81", origin="http://example.org:81") == 200


def test_on_all_addresses_numbers_are_known_and_names_are_not() -> None:
    access = Access(host="0.0.0.0", token=SECRET)
    assert status(access, host="192.168.1.7:7860") == 200 and status(access, host="evil.example") == 421
    assert status(Access(host="box.lan", token=SECRET), host="box.lan:7860") == 200


def test_places_are_read_as_browsers_write_them() -> None:
    assert Place.read("[::1]:80") == Place("::1", None) and Place.read("A.B:99") == Place("a.b", 99)
    assert [Place.read(text) for text in ("", "a b", "a:b", "http://a", "u@a", "a/b", "[::1")] == [None] * 7


@pytest.mark.parametrize(
    "rules", [{"allowed": ["a/b"]}, {"root_path": "vas"}, {"root_path": "/a b"}, {"login": "me"}, {"host": "0.0.0.0"}]
)
def test_rules_that_are_none_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Access(**rules)


def test_nothing_is_given_without_the_secret(open_projects: OpenProjects) -> None:
    web = client(open_projects, Access(token=SECRET))
    page = web.get("/?project=a")
    assert page.status_code == 401 and "command line printed" in page.text and SECRET not in page.text
    for path in (
        "/config",
        "/projects",
        "/projects/a.jpg",
        "/workbench/main.js",
        "/api/a/events",
        "/gradio_api/queue/data?session_hash=a",
        "/assets/a.js",
    ):
        assert web.get(path).status_code == 401, path
    assert web.post(UPLOAD, files={"files": ("a.mp4", b"0")}).status_code == 401
    assert web.post(JOIN, json={}).status_code == 401
    assert web.get("/?token=guess").status_code == 401
    assert web.get("/", headers={"Cookie": "vas-tool-7860=guess"}).status_code == 401
    answer = web.get(f"/?project=a%26b&token={SECRET}", follow_redirects=False)
    assert answer.headers["location"] == "./?project=a%26b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and cookie.startswith("vas-tool-7860=")
    assert web.get("/").status_code == web.get("/config").status_code == 200


def test_a_ticket_lets_one_browser_in(open_projects: OpenProjects) -> None:
    access = Access(token=SECRET)
    app = client(open_projects, access).app
    once = access.ticket()
    answers = [TestClient(app, base_url=HERE).get(f"/?token={once}").status_code for _ in range(2)]
    assert answers == [200, 401]
    answer = TestClient(app, base_url=HERE).get(f"/projects?token={access.ticket()}", follow_redirects=False)
    assert answer.headers["location"] == "./projects" and SECRET in answer.headers["set-cookie"]


def test_name_and_password_hold_for_every_route(open_projects: OpenProjects) -> None:
    web = client(open_projects, Access(login="me:pass:wörd", token=SECRET))
    for path in ("/", f"/?token={SECRET}", "/config", "/api/a/events", "/workbench/main.js"):
        answer = web.get(path)
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")
    assert web.post(UPLOAD, files={"files": ("a.mp4", b"0")}).status_code == 401
    for words, expected in (("me:pass:wörd", 200), ("me:pass", 401), ("", 401)):
        headers = {"Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}
        assert web.get("/config", headers=headers).status_code == expected
    assert web.get("/config", headers={"Authorization": "Basic %%%"}).status_code == 401


def test_the_secret_is_the_users_own_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAS_TOOL_TOKEN_FILE", str(tmp_path / "own" / "token"))
    first = kept_secret()
    assert len(first) >= 32 and kept_secret() == first and secret_file().stat().st_mode & 0o777 == 0o600
    secret_file().chmod(0o644)  # others could have read it
    second = kept_secret()
    assert second != first and kept_secret() == second
    secret_file().unlink()
    (tmp_path / "planted").write_text("x" * 40)
    secret_file().symlink_to(tmp_path / "planted")
    assert kept_secret() != "x" * 40 and not secret_file().is_symlink()
    monkeypatch.setenv("VAS_TOOL_TOKEN_FILE", "/proc/none/token")  # nothing can be written there
    assert kept_secret() != kept_secret()


def test_bodies_are_bounded(web: TestClient) -> None:
    long = b'"' + b"x" * BODY_LIMIT + b'"'
    headers = {"Content-Type": "application/json"}
    for path in ("/api/a/do", JOIN, "/gradio_api/run/predict", "/gradio_api/cancel"):
        assert web.post(path, content=long, headers=headers).status_code == 413
        assert (
            web.post(path, content=iter([long[:9], long[9:]]), headers=headers).status_code == 413
        )  # of no told length
    assert web.post(JOIN, content=b"[" * 100_000, headers=headers).status_code == 403


def test_uploads_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    app, uploads = FastAPI(), Uploads()
    add_upload_route(app, uploads, limit=100_000)
    web = TestClient(app)
    for size, expected in ((99_000, 200), (120_000, 413), (300_000, 413)):
        assert web.post(UPLOAD, files={"files": ("a.mp4", bytes(size))}).status_code == expected
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + bytes(300_000)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert web.post(UPLOAD, content=iter([body]), headers=form).status_code == 413  # of no told length
    assert web.post(UPLOAD, files=[("files", ("a", b"0")), ("files", ("b", b"0"))]).status_code == 400
    assert web.post(UPLOAD, data={"files": "a"}).status_code == 400
    field = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\na\r\n--x--'
    assert web.post(UPLOAD, content=field, headers=form).status_code == 400
    assert web.post(UPLOAD, content=b"junk", headers=form).status_code == 400
    assert len([p for p in uploads.folder.rglob("*") if p.is_file()]) == 1
    monkeypatch.setattr("vas_tool.ui.uploads.shutil.copyfileobj", _full_disk)
    answer = web.post(UPLOAD, files={"files": ("a.mp4", b"0")})
    assert answer.status_code == 507 and "free some space" in answer.text
    assert len([p for p in uploads.folder.rglob("*") if p.is_file()]) == 1
    uploads.close()


def _full_disk(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device", "/disk/project.json")


def test_behind_a_proxy_with_a_prefix(open_projects: OpenProjects) -> None:
    web = client(open_projects, Access(token=SECRET, root_path="/vas/"))
    for path in ("/", "/vas/", "/vas"):  # some proxies take the prefix off
        assert web.get(path).status_code == 401
    answer = web.get(f"/vas/?token={SECRET}", follow_redirects=False)
    assert answer.headers["location"] == "./" and "Path=/vas" in answer.headers["set-cookie"]
    for path in ("/vas/config", "/vas/workbench/main.js"):
        assert web.get(path).status_code == 200
    assert web.get("/vas/config").json()["root"].endswith("/vas")
    assert web.get("/vasectomy").status_code in (401, 404)


# --- what is reached through the project ----------------------------------------------------------------------------


@pytest.fixture
def token(open_projects: OpenProjects, tmp_path: Path) -> str:
    return open_projects.create(write_images(tmp_path / "source" / "clip", 3, (64, 48)))


def test_exports_are_fetched_by_name_only(
    web: TestClient, open_projects: OpenProjects, token: str, tmp_path: Path
) -> None:
    exports = open_projects.session(token).exports
    exports.mkdir()
    (exports / "coco.json").write_text("{}")
    (tmp_path / "words").write_text("precious")
    (exports / "link").symlink_to(tmp_path / "words")
    assert web.get(f"/api/{token}/exports/coco.json").status_code == 200
    for name in ("..", "..%2fproject.json", "%2e%2e%2fproject.json", "%2fetc%2fpasswd", "link", ".", "none"):
        assert web.get(f"/api/{token}/exports/{name}").status_code in (404, 307), name
    assert web.get("/api/nobody/exports/coco.json").status_code == 404


def test_nothing_is_exported_through_a_link(open_projects: OpenProjects, token: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sequences").mkdir(parents=True)
    (open_projects.session(token).project.folder / "exports").symlink_to(elsewhere)
    open_projects.session(token).prompts.click(Click(0, 8, 8))
    report = Opener(open_projects).export(token, "coco", only_accepted=False, progress=lambda *_: None)
    assert "link" in report.notes[0] and report.folder.resolve() != elsewhere
    assert [path.name for path in elsewhere.rglob("*")] == ["sequences"]


def test_what_cannot_be_written_into_the_project_is_still_there_to_download(
    web: TestClient, open_projects: OpenProjects, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_projects.session(token).prompts.click(Click(0, 8, 8))
    refused = ProjectError("the disk is read-only")  # root may write everywhere

    def refuse(_: object) -> None:
        raise refused

    monkeypatch.setattr("vas_tool.project.Project.require_writable", refuse)
    report = Opener(open_projects).export(token, "coco", only_accepted=False, progress=lambda *_: None)
    assert re.search("cannot be written", " ".join(report.notes))
    assert web.get(f"/api/{token}/exports/coco.json").json()["annotations"]
    open_projects.close()
    assert not report.folder.exists()  # temporary


def test_a_failing_disk_is_told_in_words(
    web: TestClient, open_projects: OpenProjects, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(open_projects.session(token)), "undo", _full_disk)
    monkeypatch.setattr("vas_tool.ui.routes.cost_view", _full_disk)
    wanted = "/disk/project.json: No space left on device; free some space on that disk"
    assert web.post(f"/api/{token}/do", json={"action": "undo"}).json()["error"] == wanted
    answer = web.get(f"/api/{token}/cost")
    assert answer.status_code == 500 and answer.json()["detail"] == wanted
    monkeypatch.setattr(Project, "open", _full_disk)
    (open_projects.root / "other").mkdir()
    (open_projects.root / "other" / "project.json").write_text("{}")
    assert wanted in send(web, "path", "other")["data"][1]


def test_odd_numbers_of_requests_are_no_key(web: TestClient, token: str) -> None:
    for client_, seq in (([], 1), ("a", {}), ("a", "1"), (1, 1)):
        answer = web.post(f"/api/{token}/do", json={"action": "none", "client": client_, "seq": seq})
        assert answer.status_code == 200 and "no action" in answer.json()["error"]


@pytest.mark.parametrize("path", ["~nobody-of-that-name/a", "a\x00b", "x" * 5000, "ring"])
def test_what_cannot_be_a_path_is_told(tmp_path: Path, path: str) -> None:
    open_projects = OpenProjects(tmp_path)
    (open_projects.root / "ring").symlink_to(open_projects.root / "ring")
    with pytest.raises((ProjectError, InputError, OSError)):  # the page tells each of them
        Opener(open_projects).path(path, lambda *_: None)


def test_links_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    open_projects = OpenProjects(tmp_path / "root")
    outside = write_images(tmp_path / "private", 2, (64, 48))
    (open_projects.root / "link").symlink_to(outside)
    (open_projects.root / "album").mkdir()
    (open_projects.root / "album" / "0.png").symlink_to(outside / "00000.png")
    (open_projects.root / "pair" / "masks").mkdir(parents=True)
    (open_projects.root / "pair" / "rgbs").symlink_to(outside)
    for name in ("link", "album", "pair", "link/00000.png"):
        with pytest.raises(ProjectError, match="outside the folder"):
            Opener(open_projects).path(name, lambda *_: None)
    assert open_projects.projects() == []
