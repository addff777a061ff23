"""Batches on a real Ray: two nodes on this computer, a node that is lost, a driver that is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import ray
from conftest import square_at, write_images
from tiny_tuning import write_samples, write_svd

from vas_tool.batch import BatchOptions, run_batch
from vas_tool.batch.batch_files import Status
from vas_tool.batch.cache_parts import make_cache_on_ray
from vas_tool.batch.pools import Cluster, Pool, gpus_of, pools_of
from vas_tool.errors import InputError
from vas_tool.training.diffusion_vas.data_sources import Data
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.run_examples import make_cache
from vas_tool.training.diffusion_vas.tuning_plan import Plan

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

ENGINES = Path(tempfile.mkdtemp(prefix="engines-"))

from ray.cluster_utils import Cluster as Nodes  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

SIZE = (64, 48)
OPTIONS = BatchOptions(stages=("segment", "depth", "amodal"), engines={"amodal": "builtin", "segment": "builtin"})
PATIENCE_SECONDS = 120.0
NUM_CLIPS = 4


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A cluster of two nodes with a CPU each, to which this process is connected. The second says it has a GPU, so that
    stages with a GPU have pools of their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAS_TOOL_ENGINES", str(ENGINES))  # before Ray starts: its workers inherit it
        cluster = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        ray.init(address=cluster.address, log_to_driver=False)  # to the head, while there is no other node
        cluster.add_node(num_cpus=1, num_gpus=1)
        cluster.wait_for_nodes()
        yield cluster
        ray.shutdown()
        cluster.shutdown()
    shutil.rmtree(ENGINES)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A row in each of several clips, a second object in the first, and one row that fails."""
    folder = tmp_path_factory.mktemp("batch")
    rows, columns = square_at(0, SIZE)
    click = [0, columns.start + 4, rows.start + 4]
    lines = []
    for n in range(NUM_CLIPS):
        write_images(folder / f"clip{n}", 4, SIZE)
        lines.append({"id": f"row{n}", "source": f"clip{n}", "clicks": [click], "label": "square"})
    lines.append({"id": "second", "source": "clip0", "boxes": [[1, 0, 0, 40, 40]], "label": "other"})
    lines.append({"id": "gone", "source": "nothing.mp4", "clicks": [click]})
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def expected(manifest: Path) -> dict[str, bytes]:
    """What the rows give without Ray."""
    done = run_batch(manifest, manifest.parent / "here", OPTIONS)
    assert done.status.done == NUM_CLIPS + 1
    return pictures(manifest.parent / "here")


def pictures(projects: Path) -> dict[str, bytes]:
    return {str(p.relative_to(projects)): p.read_bytes() for p in projects.glob("*/[do]*/**/*.png")}


def assert_made(ours: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """After a kill. A track that was cut goes on from its last mask, and may differ in pixels of the outline."""
    assert ours.keys() == expected.keys()
    for name, data in ours.items():
        one, other = (cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_UNCHANGED) for d in (data, expected[name]))
        assert (one != other).mean() <= (0 if "depth" in name else 0.02), name


def test_two_nodes_make_what_one_process_makes(
    nodes: Nodes, manifest: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    seen: list[int] = []
    cluster = Cluster(gpus={"depth": 0.25, "amodal": 0.5})
    done = run_batch(manifest, tmp_path, OPTIONS, cluster=cluster, on_status=lambda status: seen.append(status.done))
    assert [f.row_id for f in done.failures] == ["gone"] and done.status.done == NUM_CLIPS + 1
    assert pictures(tmp_path) == expected
    assert max(seen) == NUM_CLIPS + 1 and "2 nodes" in done.status.workers
    assert done.status.stages["amodal"].frames == 4 * (NUM_CLIPS + 1)
    assert not list((tmp_path / ".batch").glob("*.json"))


def test_a_cache_of_training_examples_is_made_by_the_workers(nodes: Nodes, tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples", (0, 1))
    recipe = Recipe(width=32, height=16, mixed_precision="no")
    data, start = Data((samples,), hold_out=0), write_svd(tmp_path / "svd")
    plan = Plan(tmp_path, start, data, recipe, depth_engine="builtin", cache=tmp_path / "on-ray")
    assert make_cache_on_ray(plan, address=None, num_parts=1) == (2, 1)
    here = replace(plan, cache=tmp_path / "here")
    make_cache(here)
    for path in here.cache.iterdir():
        assert path.read_bytes() == (plan.cache / path.name).read_bytes(), path.name
    with pytest.raises(InputError, match="made with other recipe"):
        make_cache_on_ray(replace(plan, recipe=replace(recipe, width=40)), address=None, num_parts=1)


def test_a_node_that_is_lost_costs_nothing(
    nodes: Nodes, manifest: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    third = nodes.add_node(num_cpus=1, num_gpus=1)
    nodes.wait_for_nodes()
    killed = threading.Event()

    def kill_once(status: Status) -> None:
        if status.stages and not killed.is_set():
            killed.set()
            nodes.remove_node(third, allow_graceful=False)

    done = run_batch(manifest, tmp_path, OPTIONS, cluster=Cluster(gpus={"amodal": 1.0}), on_status=kill_once)
    assert killed.is_set() and [f.row_id for f in done.failures] == ["gone"], done.failures
    assert_made(pictures(tmp_path), expected)


def test_a_killed_driver_goes_on_where_it_was(
    nodes: Nodes, manifest: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "vas_tool.cli", "batch", str(manifest), "--projects", str(tmp_path)]
    command += ["--address", nodes.address, "--stages", ",".join(OPTIONS.stages)]
    command += [word for stage, name in OPTIONS.engines.items() for word in ("--engine", f"{stage}={name}")]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_SECONDS
    while not (finished := dict(pictures(tmp_path))) and driver.poll() is None:
        assert time.monotonic() < until, "the driver made nothing"
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in finished}
    done = run_batch(manifest, tmp_path, OPTIONS, cluster=Cluster())
    assert [f.row_id for f in done.failures] == ["gone"], done.failures
    assert_made(pictures(tmp_path), expected)
    assert times == {name: (tmp_path / name).stat().st_mtime_ns for name in times}


KILLER = """
import os, shutil, signal, sys
folder, out = sys.argv[1:]
if len(os.listdir(f"{folder}/rgbs")) == 3:
    os.kill(os.getppid(), signal.SIGKILL)
shutil.copytree(f"{folder}/masks", f"{out}/amodal")
"""


def test_a_row_that_kills_its_workers_costs_itself_alone(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAS_TOOL_ENGINES", str(ENGINES))
    (ENGINES / "killer.py").write_text(KILLER)
    command = json.dumps([sys.executable, str(ENGINES / "killer.py"), "{input}", "{output}"])
    text = f"name: killer\nstage: amodal\nlicence: none\ncommand: {command}\nreads: [rgbs, masks]\n"
    (ENGINES / "killer.yaml").write_text(text)
    rows, columns = square_at(0, SIZE)
    lines = []
    for name, num_frames in (("good", 4), ("poison", 3)):
        write_images(tmp_path / name, num_frames, SIZE)
        lines.append({"id": name, "source": name, "clicks": [[0, columns.start + 4, rows.start + 4]]})
    manifest = tmp_path / "rows.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = BatchOptions(stages=("segment", "amodal"), engines={"amodal": "killer", "segment": "builtin"})
    done = run_batch(manifest, tmp_path / "p", options, cluster=Cluster())
    assert done.status.done == 1 and [f.row_id for f in done.failures] == ["poison"]
    assert "3 processes died at the stage amodal" in done.failures[0].reason


def test_stages_share_pools_as_their_engines_allow() -> None:
    light = BatchOptions(engines={"segment": "builtin", "depth": "builtin", "amodal": "builtin", "content": "builtin"})
    assert pools_of(light, Cluster(), num_gpus=0) == [Pool(light.stages)]
    heavy = BatchOptions(engines={**light.engines, "amodal": "diffusion-vas", "content": "diffusion-vas"})
    pools = pools_of(heavy, Cluster(), num_gpus=1)
    assert [(pool.stages, pool.num_gpus) for pool in pools] == [
        (("segment", "depth"), 0),
        (("amodal",), 0.5),
        (("content",), 0.5),
    ]
    assert [pool.keeps_engine for pool in pools] == [False, True, True]
    assert pools_of(heavy, Cluster(gpus=gpus_of(["content=2"])), num_gpus=8)[2].num_gpus == 2
    with pytest.raises(InputError, match="ask for 3 GPUs together"):
        pools_of(heavy, Cluster(gpus={"content": 2.0}), num_gpus=2)
    for wrong in ("content", "content=x", "content=1.5", "nothing=1"):
        with pytest.raises(Exception, match=r"content|nothing"):
            gpus_of([wrong])
