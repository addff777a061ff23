"""Tabs that come, go, and come at once: what they see, and what is left when they have gone."""

import io
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import write_images
from fake_engines import use_fake_engines
from PIL import Image
from video_files import make_video
from waiting import until

from vas_tool import sample
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import Cancelled, ProjectBusy, ProjectError, VideoError
from vas_tool.formats.intrinsics import camera_of
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Click, Intrinsics
from vas_tool.ui import open_projects as open_projects_module
from vas_tool.ui import opening
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.opening import Opener
from vas_tool.ui.views import state_view

LINGER_SECONDS = 0.1


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)


@pytest.fixture
def open_projects(tmp_path: Path) -> Iterator[OpenProjects]:
    open_projects = OpenProjects(tmp_path / "root", linger_seconds=LINGER_SECONDS)
    yield open_projects
    open_projects.close()


def pictures(open_projects: OpenProjects, name: str) -> Path:
    return write_images(open_projects.root / "sources" / name, 4, (64, 48))


def name_of(open_projects: OpenProjects, token: str) -> str:
    return open_projects.session(token).project.name


def test_a_camera_that_was_said_is_that_of_the_first_clip(open_projects: OpenProjects) -> None:
    opener = Opener(open_projects, start=pictures(open_projects, "clip"), camera=camera_of("700,710,32,24"))
    project = open_projects.session(opener.arrive("", silent)).project
    assert project.truth.intrinsics == project.clip.intrinsics == Intrinsics(700, 710, 32, 24)
    other = open_projects.session(opener.source(pictures(open_projects, "other"), silent)).project
    assert other.truth.intrinsics is None


def test_tabs_that_arrive_during_the_first_import_see_its_clip(open_projects: OpenProjects) -> None:
    opener = Opener(open_projects, start=pictures(open_projects, "clip"))
    create_project(open_projects.root / "older", pictures(open_projects, "older")).close()
    begun, go_on = threading.Event(), threading.Event()

    def slow(done: int, total: int, what: str, /) -> None:
        begun.set()
        assert go_on.wait(20)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(opener.arrive, "", slow)
        assert begun.wait(20)
        second = pool.submit(opener.arrive, "", silent)
        assert (
            name_of(open_projects, opener.arrive("older", silent)) == "older"
        )  # whoever wants another one need not wait
        assert not second.done()
        go_on.set()
        tokens = [first.result(20), second.result(20)]
    assert [name_of(open_projects, token) for token in tokens] == ["clip", "clip"] and len(set(tokens)) == 2
    assert open_projects.session(tokens[0]) is open_projects.session(tokens[1])


def test_a_start_that_fails_is_not_tried_again(open_projects: OpenProjects) -> None:
    broken = open_projects.root / "broken.mp4"
    broken.write_bytes(b"no video")
    opener = Opener(open_projects, start=broken)
    with pytest.raises(VideoError):
        opener.arrive("", silent)
    assert opener.arrive("", silent) == ""


def test_a_start_begun_ahead_is_there_for_the_first_tab(open_projects: OpenProjects) -> None:
    opener = Opener(open_projects, start=pictures(open_projects, "clip"))
    opener.begin()
    until(lambda: "clip" in open_projects.projects())  # nobody has arrived yet
    token = opener.arrive("", silent)
    assert name_of(open_projects, token) == "clip" == name_of(open_projects, opener.arrive("", silent))
    assert open_projects.projects() == ["clip"]


def test_a_start_begun_ahead_tells_how_far_it_is_and_can_be_stopped(
    open_projects: OpenProjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, heard, go_on = OpenProjects.create, [], threading.Event()

    def slow_create(self: OpenProjects, source: Path, *, progress: Progress, **options: Any) -> str:
        def slow(done: int, total: int, what: str, /) -> None:
            progress(done, total, what)
            assert go_on.wait(20)
            progress(done, total, what)

        return create(self, source, progress=slow, **options)

    def stopping(done: int, total: int, what: str, /) -> None:
        heard.append(what)
        go_on.set()
        raise Cancelled("stop")

    monkeypatch.setattr(OpenProjects, "create", slow_create)
    opener = Opener(open_projects, start=pictures(open_projects, "clip"))
    opener.begin()
    with pytest.raises(Cancelled, match="stop"):
        opener.arrive("", stopping)
    assert heard
    until(lambda: not any(thread.name == "ahead" for thread in threading.enumerate()))
    assert open_projects.projects() == [] and opener.arrive("", silent) == ""


def test_a_start_begun_ahead_that_fails_says_so_to_the_first_tab(open_projects: OpenProjects) -> None:
    broken = open_projects.root / "broken.mp4"
    broken.write_bytes(b"no video")
    opener = Opener(open_projects, start=broken)
    opener.begin()
    with pytest.raises(VideoError):
        opener.arrive("", silent)
    assert opener.arrive("", silent) == ""


def test_the_last_work_is_what_a_tab_without_a_wish_sees(open_projects: OpenProjects) -> None:
    opener = Opener(open_projects)
    for name in ("one", "two"):
        opener.source(pictures(open_projects, name), silent)
    open_projects.session(opener.project("one")).set_place({"frame": 3})
    assert name_of(open_projects, opener.arrive("", silent)) == "one"


def test_the_same_name_twice_at_once_makes_two_projects(open_projects: OpenProjects) -> None:
    source = pictures(open_projects, "clip")
    together = threading.Barrier(2)

    def step(done: int, total: int, what: str, /) -> None:
        if done == 1:
            together.wait(20)

    with ThreadPoolExecutor() as pool:
        made = [pool.submit(open_projects.create, source, progress=step) for _ in range(2)]
        names = {name_of(open_projects, each.result(20)) for each in made}
    assert names == {"clip", "clip-2"} == set(open_projects.projects())


def test_two_tabs_that_ask_for_the_sample_share_it(
    open_projects: OpenProjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pictures(open_projects, "clip")
    monkeypatch.setattr(opening, "sample_clip", lambda: source)
    opener = Opener(open_projects)
    with ThreadPoolExecutor() as pool:
        tokens = list(pool.map(opener.sample, [silent] * 3))
    assert {name_of(open_projects, token) for token in tokens} == {"sample"} == set(open_projects.projects())


def test_a_start_needs_no_sample(open_projects: OpenProjects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "PLACES", ())
    opener = Opener(open_projects, start=pictures(open_projects, "clip"))
    assert name_of(open_projects, opener.arrive("", silent)) == "clip"
    with pytest.raises(VideoError, match="the sample is not part of this installation"):
        opener.sample(silent)


def test_a_cancelled_import_leaves_nothing_and_its_name_is_free(open_projects: OpenProjects) -> None:
    source = pictures(open_projects, "clip")

    def stop(done: int, total: int, what: str, /) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        open_projects.create(source, progress=stop)
    assert [p.name for p in open_projects.root.iterdir()] == ["sources"]
    assert name_of(open_projects, open_projects.create(source)) == "clip"


def test_a_slow_opening_keeps_nobody_else_waiting(open_projects: OpenProjects, monkeypatch: pytest.MonkeyPatch) -> None:
    here = open_projects.create(pictures(open_projects, "here"))
    create_project(open_projects.root / "slow", pictures(open_projects, "slow")).close()
    begun, go_on = threading.Event(), threading.Event()
    original = Project.open

    def wait_and_open(folder: Path) -> Project:
        begun.set()
        assert go_on.wait(20)
        return original(folder)

    monkeypatch.setattr(Project, "open", wait_and_open)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(open_projects.enter, open_projects.root / "slow")
        assert begun.wait(20)
        assert name_of(open_projects, here) == "here"
        go_on.set()
        assert name_of(open_projects, slow.result(20)) == "slow"


def test_a_project_is_let_go_of_some_time_after_its_last_tab(open_projects: OpenProjects) -> None:
    first = open_projects.create(pictures(open_projects, "clip"))
    folder = open_projects.session(first).project.folder
    second = open_projects.enter(folder)
    open_projects.leave(first)
    until(lambda: not open_projects.is_open(first))
    with pytest.raises(ProjectBusy):
        Project.open(folder)
    open_projects.leave(second)
    until(lambda: not open_projects.serves(folder))
    with open_projects.borrow(folder):  # waits until it is closed
        pass
    Project.open(folder).close()


def test_a_tab_that_comes_back_in_time_finds_the_same_session(open_projects: OpenProjects) -> None:
    token = open_projects.create(pictures(open_projects, "clip"))
    session = open_projects.session(token)
    open_projects.leave(token)
    again = open_projects.enter(session.project.folder)
    until(lambda: not open_projects.is_open(token))
    assert open_projects.session(again) is session
    with pytest.raises(KeyError):
        open_projects.session(token)


def test_a_tab_whose_line_was_down_goes_on_with_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(open_projects_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    open_projects = OpenProjects(tmp_path / "root", linger_seconds=60)
    token = open_projects.create(pictures(open_projects, "clip"))
    session = open_projects.session(token)
    open_projects.leave(token)  # so it seemed
    now[0] += 61
    assert open_projects.session(token) is session  # its page asks again
    open_projects.drop_if_silent(token)  # a minute later
    assert open_projects.session(token) is session
    now[0] += 61  # silence
    open_projects.drop_if_silent(token)
    assert not open_projects.is_open(token)
    Project.open(session.project.folder).close()
    open_projects.close()


def test_a_job_goes_on_without_a_tab(open_projects: OpenProjects, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch, step_seconds=0.15)
    token = open_projects.create(pictures(open_projects, "clip"))
    session: Session = open_projects.session(token)
    session.prompts.click(Click(0, 8, 8))
    session.prompts.settle()
    session.runs.track(1, 0)
    open_projects.leave(token)
    until(lambda: not open_projects.serves(session.project.folder))
    with_all = Project.open(session.project.folder)
    assert sorted(with_all.modal(1)) == [0, 1, 2, 3]
    with_all.close()


def test_who_opens_annotations_is_told_how_to_import_them(open_projects: OpenProjects) -> None:
    open_projects.root.mkdir(parents=True, exist_ok=True)
    (open_projects.root / "validation.json").write_text("{}")
    with pytest.raises(VideoError, match=r"vas-tool import tao-amodal .*validation\.json --frames FOLDER"):
        Opener(open_projects).path("validation.json", silent)


def test_two_exports_from_the_page_are_the_same_bytes(open_projects: OpenProjects) -> None:
    opener = Opener(open_projects)
    token = opener.source(pictures(open_projects, "clip"), silent)
    assert open_projects.session(token).prompts.click(Click(0, 5, 5)) == 1
    downloads = []
    for _ in range(2):
        done = opener.export(token, "sequences", only_accepted=False, progress=silent)
        assert done.files == ["sequences.zip"]
        downloads.append((done.folder / "sequences.zip").read_bytes())
        time.sleep(2.1)  # a .zip tells times to two seconds
    assert downloads[0] == downloads[1]
    with zipfile.ZipFile(io.BytesIO(downloads[0])) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names == sorted(names) and len([n for n in names if n.endswith(".png")]) >= 4


@pytest.mark.parametrize("path", ["/etc", "../other", "a/../../b"])
def test_nothing_outside_the_root_is_opened(open_projects: OpenProjects, path: str) -> None:
    with pytest.raises(ProjectError, match="outside the folder"):
        Opener(open_projects).path(path, silent)


@pytest.mark.parametrize("path", ["/etc/nowhere.mp4", "/etc", "../elsewhere.mp4"])
def test_of_a_path_outside_the_root_it_is_not_told_whether_it_exists(open_projects: OpenProjects, path: str) -> None:
    with pytest.raises(ProjectError, match=rf"^{re.escape(path)} is outside the folder .*; check the spelling"):
        Opener(open_projects).path(path, silent)


def test_an_upload_is_known_by_its_own_name(
    open_projects: OpenProjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "gradio" / "52b6"
    place.mkdir(parents=True)
    make_video(place / "birdcage.mp4", 4)
    (place / "beside.mp4").touch()
    token = Opener(open_projects).upload(place / "birdcage.mp4", silent)
    assert (
        open_projects.session(token).project.source.path
        == "birdcage.mp4"
        == state_view(open_projects.session(token), None)["project"]["source"]
    )
    assert name_of(open_projects, token) == "birdcage"
    assert [p.name for p in place.iterdir()] == ["beside.mp4"]  # the one file is deleted, never a folder
    # Another file of that name, where the tool was started, is another clip.
    make_video(open_projects.root / "birdcage.mp4", 6)
    monkeypatch.chdir(open_projects.root)
    assert name_of(open_projects, Opener(open_projects).path("birdcage.mp4", silent)) == "birdcage-2"


def test_what_is_wrong_with_an_upload_names_no_temporary_place(open_projects: OpenProjects, tmp_path: Path) -> None:
    place = tmp_path / "gradio" / "52b6"
    place.mkdir(parents=True)
    (place / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"broken\.mp4") as caught:
        Opener(open_projects).upload(place / "broken.mp4", silent)
    assert "gradio" not in str(caught.value) and open_projects.projects() == []


@pytest.mark.parametrize("folder", ["rgbs", "frames", "images", "JPEGImages"])
def test_a_folder_that_is_only_called_frames_gives_the_name_of_what_it_is_in(
    open_projects: OpenProjects, folder: str
) -> None:
    source = write_images(open_projects.root / "sources" / "horse.1" / folder, 4, (64, 48))
    assert name_of(open_projects, Opener(open_projects).source(source, silent)) == "horse.1"


NAMES = [
    "a.mp4",
    "my clip .mp4",
    "clip (1).mp4",
    "a[1].mp4",
    "a*b?.mp4",
    "..a...b.mp4",
    "e\u0301.mp4",
    "\u00e9.mp4",
    "-",
    "~",
]


def test_the_same_source_opens_the_same_project_whatever_its_name(open_projects: OpenProjects, tmp_path: Path) -> None:
    video = make_video(tmp_path / "made.mp4", 2)
    opened = {}
    for name in NAMES:
        source = tmp_path / name
        source.write_bytes(video.read_bytes())
        opened[name] = name_of(open_projects, Opener(open_projects).source(source, silent))
    for name in NAMES:  # as another server does, later
        assert name_of(open_projects, Opener(open_projects).source(tmp_path / name, silent)) == opened[name]
    assert len(set(opened.values())) == len(NAMES) == len(open_projects.projects())


def test_the_same_folder_opens_the_same_project(
    open_projects: OpenProjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_images(tmp_path / "pictures [1]", 2, (64, 48))
    name = name_of(open_projects, Opener(open_projects).source(folder, silent))
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    for same in (folder, tmp_path / "link", Path("pictures [1]")):
        assert name_of(open_projects, Opener(open_projects).source(same, silent)) == name
    other = write_images(tmp_path / "elsewhere" / "pictures [1]", 2, (64, 48))
    assert name_of(open_projects, Opener(open_projects).source(other, silent)) != name


def test_a_folder_with_masks_opens_the_same_project(open_projects: OpenProjects, tmp_path: Path) -> None:
    frames = write_images(tmp_path / "car" / "rgbs", 2, (64, 48))
    alone = name_of(open_projects, Opener(open_projects).source(frames, silent))
    masks = write_images(tmp_path / "car" / "masks", 2, (64, 48))
    for path in masks.iterdir():
        Image.fromarray(np.pad(np.full((24, 32), 255, np.uint8), ((0, 24), (0, 32)))).save(path)
    opener = Opener(open_projects)
    names = [name_of(open_projects, opener.source(frames.parent, silent)) for _ in range(2)]
    assert names[0] == names[1] != alone


def test_a_relative_path_is_known_again_from_elsewhere(
    open_projects: OpenProjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "a.mp4", 2)
    monkeypatch.chdir(tmp_path)
    name = name_of(open_projects, Opener(open_projects).source(Path("a.mp4"), silent))
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert name_of(open_projects, Opener(open_projects).source(Path("../a.mp4"), silent)) == name
    make_video(tmp_path / "sub" / "a.mp4", 3)
    assert name_of(open_projects, Opener(open_projects).source(Path("a.mp4"), silent)) != name
