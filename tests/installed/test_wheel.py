"""The wheel as a user gets it: built, installed in an environment of its own, used in a folder that is no checkout."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import START_SECONDS, Workbench, browser, free_port
from conftest import square_at, square_frame
from environments import PIP, Environment, build_wheel, install
from video_files import make_video

ROOT = Path(__file__).parent.parent.parent
SIZE_WH = (128, 96)
CAR = (70.0, 238.0)
"""A clip pixel on the sample's object, on frame 0."""

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the browser's driver


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(wheel, tmp_path_factory.mktemp("installed") / "env")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    frames = [square_frame(i, SIZE_WH) for i in range(8)]
    return make_video(tmp_path / "square.mp4", frames, rate=8, options={"crf": "10"})


def surroundings(folder: Path) -> dict[str, str]:
    """A new user's: nothing points at the checkout, and nothing was kept from before."""
    kept = {name: os.environ[name] for name in ("LANG", "OMP_NUM_THREADS", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": os.defpath, "HOME": str(folder)}


def answer(command: list[object], folder: Path, *, status: int = 0) -> str:
    """All that it prints, run in ``folder``; fails unless it ends with that status."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run([str(c) for c in command], cwd=folder, env=surroundings(folder), **pipes)
    assert done.returncode == status, f"{command[1:]}:\n{done.stdout}"
    return done.stdout


def test_a_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)], cwd=ROOT, check=True
    )
    (source,) = tmp_path.glob("*.tar.gz")
    again = build_wheel(source, tmp_path / "again")
    assert again.name == wheel.name and again.read_bytes() == wheel.read_bytes()


def test_it_holds_all_that_it_needs_and_no_more(installed: Environment, tmp_path: Path) -> None:
    (listed,) = installed.packages.glob("vas_tool-*.dist-info/RECORD")
    files = {line.split(",")[0] for line in listed.read_text().splitlines()}
    assert {name.split("/")[0] for name in files} == {"vas_tool", "sam_integration", listed.parent.name, ".."}
    tracked = subprocess.run(
        ["git", "ls-files", "vas_tool", "sam_integration"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= files
    answer([*PIP, "--python", installed.python, "check"], tmp_path)
    code = "import vas_tool, sam_integration; print(vas_tool.__file__, sam_integration.__file__)"
    found = [Path(file) for file in answer([installed.python, "-c", code], tmp_path).split()]
    assert [file.parent.parent for file in found] == [installed.packages] * 2


HEAVY = ("torch", "torchvision", "sam2", "diffusers", "transformers", "accelerate", "safetensors", "peft", "scipy")


def test_it_is_light_and_tells_how_to_get_more(installed: Environment, video: Path, tmp_path: Path) -> None:
    code = f"import importlib.util as u; print([name for name in {HEAVY} if u.find_spec(name)])"
    assert answer([installed.python, "-c", code], tmp_path).strip() == "[]"
    command = [installed.tool, "run", video.name, "--project", "job", "--click", "0,20,20"]
    told = answer([*command, "--engine", "segment=sam2.1-tiny"], tmp_path, status=1)
    assert "pip install 'vas-tool[sam2]' && vas-tool models download sam2.1-tiny" in told
    told = answer([installed.tool, "models"], tmp_path)
    assert "pip install 'vas-tool[diffusion]'" in told


def test_the_whole_job_on_the_command_line(installed: Environment, video: Path, tmp_path: Path) -> None:
    rows, columns = square_at(0, SIZE_WH)
    click = f"0,{columns.start + 6},{rows.start + 6}"
    command = [installed.tool, "run", video.name, "--project", "job", "--click", click, "--label", "square"]
    answer([*command, "--engine", "amodal=learned"], tmp_path)
    answer([installed.tool, "export", "job", "--format", "coco", "--out", "job.json"], tmp_path)
    assert "8 images, 8 annotations, nothing wrong" in answer([installed.tool, "verify", "job.json"], tmp_path)


@contextmanager
def opened(installed: Environment, folder: Path, *source: Path) -> Iterator[str]:
    """The address of ``vas-tool open``, started in ``folder``."""
    command = [str(installed.tool), "open", *map(str, source), "--port", str(free_port()), "--no-browser"]
    log = folder / "server.log"
    with log.open("w") as said:
        server = subprocess.Popen(command, cwd=folder, env=surroundings(folder), stdout=said, stderr=said)
    try:
        yield until_up(server, log)
    finally:
        server.kill()
        server.wait()


def until_up(server: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        if found := re.search(r"vas-tool is at (http\S+)", log.read_text()):
            where = urlsplit(found[1])
            with socket.socket() as probe:
                if probe.connect_ex((where.hostname, where.port)) == 0:
                    return found[1]
        time.sleep(0.1)
    raise AssertionError(f"not up after {START_SECONDS} s: {log.read_text()}")


def test_the_page_opens_a_video_and_the_sample(installed: Environment, video: Path, tmp_path: Path) -> None:
    with browser() as chromium:
        with opened(installed, tmp_path) as address:
            bench = Workbench(chromium.new_page())
            bench.page.goto(address)
            bench.page.locator("#open-sample").click(timeout=60_000)
            bench.until_ready()
            bench.until("s => s.project.frame_count === 36")
            bench.click(*CAR)
            assert len(bench.state()["objects"]) == 1 and not bench.complaints
            bench.page.close()
        shutil.rmtree(tmp_path / "projects")
        with opened(installed, tmp_path, video) as address:
            bench = Workbench(chromium.new_page())
            bench.open(address)
            bench.until("s => s.project.frame_count === 8")
            assert bench.state()["project"]["name"] == "square" and not bench.complaints
            bench.page.close()
