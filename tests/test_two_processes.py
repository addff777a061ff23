"""Training in two processes, as a launcher starts them: every method that does so, from one start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import free_port
from test_eoras_training import SMALL as SMALL_EORAS
from test_tuning_results import SMALL as SMALL_AMODAL
from test_tuning_results import train_amodal
from tiny_tuning import write_samples, write_svd

from vas_tool.training.eoras.made_movi import write_made_movi

pytestmark = pytest.mark.slow

ONE_STEP = ("--noise", "own", "--max-train-steps", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``eoras`` is trained in two processes on two clips, ``two`` on the samples."""
    folder = tmp_path_factory.mktemp("two")
    write_made_movi(folder / "movid_bev", num_train=1, num_test=1, num_frames=2, side=48)
    samples, svd = write_samples(folder / "samples", (0, 1, 100)), write_svd(folder / "svd")
    eoras = ["train", "eoras", "--data", "movi", str(folder / "movid_bev"), "--out", str(folder / "eoras")]
    amodal = ["train", "amodal", "--data", str(samples), "--from", str(svd), "--out", str(folder / "two")]
    commands = [
        [*eoras, "--epochs", "1", *SMALL_EORAS],
        [*amodal, "--depth", "builtin", "--hold-out", "0", *SMALL_AMODAL, *ONE_STEP],
    ]
    script = Path(__file__).parent / "two_processes.py"
    done = subprocess.run(
        [sys.executable, str(script), str(free_port()), json.dumps(commands)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(script.parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_eoras_learns_from_half_of_the_clips_in_each(made: Path) -> None:
    clips = len(np.load(made / "movid_bev" / "train" / "instance_list.npy"))
    checkpoint = torch.load(made / "eoras" / "checkpoint-0001.pth.gz", weights_only=True)
    assert checkpoint["iters"] == -(-clips // 2)


def test_two_processes_have_the_mean_gradient_of_one(made: Path) -> None:
    train_amodal(
        made / "svd", made / "samples" / "train.json", made / "one", *ONE_STEP, "--gradient-accumulation-steps", "2"
    )
    one, two = (json.loads((made / name / "metrics.jsonl").read_text())["loss"] for name in ("one", "two"))
    assert one == pytest.approx(two, rel=1e-5)
    moments = []
    for name in ("one", "two"):
        state = torch.load(made / name / "checkpoint-1" / "optimizer.bin", weights_only=True)["state"]
        moments.append(torch.cat([state[i]["exp_avg"].flatten() for i in sorted(state)]))
    first, second = moments  # after one step: a tenth of the gradient
    assert float((first - second).norm() / first.norm()) < 1e-4
