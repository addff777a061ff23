"""Training EoRaS: runs that go on where they stopped, the released format both ways."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_eoras import TINY, tiny_network, write_released

from vas_tool.cli import main, parser
from vas_tool.commands.training import plan_of
from vas_tool.engines.eoras.checkpoints import load_network
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.errors import InputError
from vas_tool.training.eoras.made_movi import write_made_movi
from vas_tool.training.eoras.train import EpochClips, begin_with, train
from vas_tool.training.eoras.training_plan import Plan, Schedule

SIZES = "--d-model 16 --num-layers 1 --num-slots 3 --feedforward 32 --feature-channels 8 --blocks 1 1 1 1"
SMALL = [*SIZES.split(), *["--decoder-channels", "8", "4", "--length", "2", "--every", "1"]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "movid_bev"
    write_made_movi(root, num_train=1, num_test=1, num_frames=2, side=48)
    return root


def plan(data: Path, out: Path, epochs: int) -> Plan:
    schedule = Schedule(epochs=epochs, learning_rate=1e-3, gamma=0.9, every=1, length=2)
    return Plan("movi", data, out, schedule, TINY)


def content(path: Path) -> dict:
    return torch.load(path, weights_only=True)


def test_a_run_that_was_stopped_ends_with_the_same_bits(data: Path, tmp_path: Path) -> None:
    straight = content(train(plan(data, tmp_path / "straight", 2)))
    train(plan(data, tmp_path / "stopped", 1))
    metrics = tmp_path / "stopped" / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"epoch": 2}\n')  # what a stop before the next checkpoint leaves
    resumed = content(train(plan(data, tmp_path / "stopped", 2)))
    assert (straight["epoch"], straight["iters"]) == (resumed["epoch"], resumed["iters"])
    assert straight["scheduler"] == resumed["scheduler"]
    for name, tensor in straight["model"].items():
        assert torch.equal(tensor, resumed["model"][name]), name
    for number, state in straight["optim"]["state"].items():
        assert all(torch.equal(value, resumed["optim"]["state"][number][key]) for key, value in state.items())
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert all(0 <= line["iou_full"] <= 1 and line["full"] > 0 for line in lines)


def test_the_command_trains_and_writes_the_released_format(data: Path, tmp_path: Path) -> None:
    command = ["train", "eoras", "--data", "movi", str(data), "--out", str(tmp_path), "--epochs", "1", *SMALL]
    assert main(command) == 0
    path = tmp_path / "checkpoint-0001.pth.gz"
    written = content(path)
    assert set(written) == {"epoch", "model", "optim", "scheduler", "iters"}
    assert all(name.startswith("module.") for name in written["model"])
    assert load_network(path).options == TINY
    assert len(written["optim"]["param_groups"][0]["params"]) == len(list(load_network(path).parameters()))
    assert main([*command[:-1], "2", "--epochs", "2", "--d-model", "32"]) == 1  # other sizes do not go on


def test_what_is_not_said_is_the_released_scripts(data: Path, tmp_path: Path) -> None:
    def said(*words: str) -> Plan:
        return plan_of(parser().parse_args(["train", "eoras", "--data", *words, "--out", str(tmp_path)]))

    movi, kitti = said("movi", str(data)), said("kitti", str(tmp_path))
    assert (movi.schedule.learning_rate, movi.schedule.gamma, movi.schedule.passes, movi.seed) == (1e-5, 1.0, 1, 123)
    assert (kitti.schedule.learning_rate, kitti.schedule.gamma, kitti.schedule.passes) == (1e-4, 0.95, 2)
    assert (movi.options.num_slots, movi.options.positions, movi.options.tilt) == (8, "sincos", "movid")
    assert kitti.options.tilt == "none"
    with pytest.raises(InputError, match="movi or kitti"):
        said("davis", str(data))
    with pytest.raises(InputError, match="learning rate"):
        Schedule(learning_rate=0)


def test_training_begins_with_a_checkpoint_or_with_a_resnet(tmp_path: Path) -> None:
    other, fresh = tiny_network(TINY, 1), EorasNetwork(TINY)
    write_released(tmp_path / "checkpoint-0050.pth.gz", other)
    begin_with(fresh, tmp_path / "checkpoint-0050.pth.gz")
    assert torch.equal(fresh.slot.weight, other.slot.weight)
    norm, pyramid = fresh.feature_extractor.layer1[0].bn1, fresh.feature_extractor.latlayer1.weight.clone()
    resnet = {"layer1.0.bn1.weight": torch.arange(64.0), "layer1.0.bn1.running_var": torch.ones(64), "fc.bias": pyramid}
    torch.save(resnet, tmp_path / "resnet50.pth")
    begin_with(fresh, tmp_path / "resnet50.pth")  # a group norm takes what a batch norm had
    assert torch.equal(norm.weight, torch.arange(64.0))
    assert torch.equal(fresh.feature_extractor.latlayer1.weight, pyramid)
    torch.save({"a": 1}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="neither"):
        begin_with(fresh, tmp_path / "other.pth")


def test_every_clip_is_seen_once_an_epoch_and_the_last_round_is_filled_up() -> None:
    class Numbers:
        def __len__(self) -> int:
            return 5

        def sample(self, index: int, random: np.random.RandomState) -> int:
            return index

    def shares(epoch: int) -> list[list[int]]:
        clips = EpochClips(Numbers(), seed=1, epoch=epoch, number=0)  # type: ignore[arg-type]
        return [list(clips.share(process, 2)) for process in range(2)]

    first, second = shares(1)
    assert len(first) == len(second) == 3
    assert {*first, *second} == set(range(5))
    assert second[-1] == first[0]
    assert shares(1) == [first, second] != shares(2)
