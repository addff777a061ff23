"""Where weights are looked for, which engine ``auto`` is, and the download, from a little hub of our own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import COMMIT, Hub

from sam_integration.zoo import MODELS
from vas_tool.cli import main
from vas_tool.engines import registry, specs
from vas_tool.engines.video_sessions.released import VIDEO_MODELS
from vas_tool.engines.weights import FOLDER_VARIABLE, Part, Weights, WeightsFolder, download
from vas_tool.errors import Cancelled, EngineError

CONTENT = bytes(range(256)) * 40_000
"""About 10 MB: one read of huggingface_hub's client, so that a download can be stopped within it."""
TINY = Weights("sam2.1-tiny", "facebook/sam2.1-hiera-tiny", "sam2.1_hiera_tiny.pt", 156, "Apache-2.0")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of this computer's."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def put(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def in_cache(tmp_path: Path) -> Path:
    repository = tmp_path / "hub" / "models--facebook--sam2.1-hiera-tiny"
    put(repository / "refs" / "main", COMMIT.encode())
    return put(repository / "snapshots" / COMMIT / TINY.file_name)


def test_own_folders_come_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TINY.find() is None
    cached = in_cache(tmp_path)
    assert TINY.find() == cached
    put(tmp_path / "checkpoints" / TINY.file_name)
    assert TINY.find() == Path("checkpoints") / TINY.file_name
    mine = put(tmp_path / "mine" / TINY.file_name)
    assert TINY.find() == mine
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert TINY.places()[0] == tmp_path / "cache" / "vas-tool" / TINY.file_name


def test_within_one_answer_weights_and_packages_are_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    find = Weights.find
    monkeypatch.setattr(Weights, "find", lambda self: looked.append(self.name) or find(self))
    spec = next(spec for spec in registry.ENGINES if spec.name == TINY.name)
    with specs.looked_once():
        assert not specs.has_weights(spec)
        in_cache(tmp_path)
        assert not specs.has_weights(spec) and looked == [TINY.name]
    assert specs.has_weights(spec), "what arrived meanwhile is seen by whoever looks next"


@pytest.mark.parametrize(
    ("gpu", "chosen", "hint"), [(True, "sam2.1-tiny", "sam2.1-large"), (False, "sam2.1-tiny-fast", "edgetam")]
)
def test_auto_is_the_best_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, chosen: str, hint: str
) -> None:
    monkeypatch.setattr(registry, "has_gpu", lambda: gpu)
    monkeypatch.setattr(specs, "missing_packages", lambda spec: [])
    assert registry.spec_of("segment").name == "builtin"
    first = registry.better_engines(registry.spec_of("segment"))[0]
    assert first.get == f"vas-tool models download {'sam2.1-large' if gpu else 'edgetam'}"
    in_cache(tmp_path)
    spec = registry.spec_of("segment")
    assert spec.name == chosen and spec.get == ""
    commands = [better.get for better in registry.better_engines(spec)]
    assert commands[0] == f"vas-tool models download {hint}"
    assert registry.spec_of("segment", "sam2.1-tiny").name == "sam2.1-tiny", "by name it is always to be had"


def test_without_the_packages_auto_is_builtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_cache(tmp_path)
    monkeypatch.setattr(specs, "missing_packages", lambda spec: list(spec.packages)[-1:])
    monkeypatch.setattr(registry, "has_gpu", lambda: True)
    assert registry.spec_of("segment").name == "builtin"
    assert registry.better_engines(registry.spec_of("segment"))[0].get.startswith("pip install 'vas-tool[sam2]'")
    with pytest.raises(EngineError, match=r"pip install 'vas-tool\[sam2\]'$"):
        registry.load("segment", "sam2.1-tiny")


def test_an_engine_without_weights_names_the_command() -> None:
    with pytest.raises(EngineError, match=r"vas-tool models download sam2\.1-small"):
        registry.load("segment", "sam2.1-small-fast")


def test_the_table_holds_every_model_exact_and_fast() -> None:
    names = [spec.name for spec in registry.engines_of("segment")]
    assert len(set(names)) == len(names) == 2 * len(MODELS) + len(VIDEO_MODELS) + 1 and names[-1] == "builtin"
    assert {spec.name for spec in MODELS} | VIDEO_MODELS.keys() <= set(names)
    for spec in MODELS:
        family, size = spec.name.split("-", 1)
        assert spec.repo_id == f"facebook/{family}-hiera-{size}"


def test_models_lists_where_weights_are_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cached = in_cache(tmp_path)
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    after = out.split("\nsam2.1-tiny (facebook/sam2.1-hiera-tiny)\n")[1].splitlines()
    assert f"{cached} (found)" in [line.strip() for line in after[:3]]
    assert any("sam2.1-large-fast" in line and "needs " in line and "weights" in line for line in lines)


# --- a hub ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(TINY.repo_id, TINY.file_name, CONTENT, hashlib.sha256(CONTENT).hexdigest())
    with hub.serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


def test_a_download_is_found_afterwards(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "sam2.1-tiny"]) == 0
    out = capsys.readouterr().out
    assert "156 MB" in out and "Apache-2.0" in out
    found = TINY.find()
    assert found is not None and found.read_bytes() == CONTENT and str(found) in out


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cached = in_cache(tmp_path)
    assert main(["models", "download", "sam2.1-tiny-fast"]) == 0
    assert f"{cached} is there already" in capsys.readouterr().out and not hub.asked


def test_progress_goes_from_nothing_to_all_of_it(hub: Hub) -> None:
    told: list[tuple[int, int, str]] = []
    download(TINY, progress=lambda *step: told.append(step))
    for what in ("download sam2.1-tiny, MB", "check sam2.1-tiny, MB"):
        steps = [(done, total) for done, total, told_what in told if told_what == what]
        assert steps[-1] == (10, 10) and steps == sorted(steps)


def test_a_stopped_download_goes_on_where_it_was(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 20)

    def stop_half_way(done: int, total: int, what: str) -> None:
        if done > total // 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        download(TINY, progress=stop_half_way)
    assert TINY.find() is None
    assert download(TINY).read_bytes() == CONTENT
    ranges = [wanted for method, _, wanted in hub.asked if method == "GET"]
    assert len(ranges) == 2 and ranges[0] is None, "it did not go on, it began again"
    assert ranges[1] is not None and int(ranges[1].removeprefix("bytes=").rstrip("-")) >= len(CONTENT) // 3


def test_a_second_download_at_the_same_time_is_told_and_leaves_the_first_alone(hub: Hub) -> None:
    told: list[str] = []

    def meanwhile(done: int, total: int, what: str) -> None:
        if not told:
            with pytest.raises(EngineError, match="downloaded already, by another window or command") as caught:
                download(TINY)
            told.append(str(caught.value))

    assert download(TINY, progress=meanwhile).read_bytes() == CONTENT and told


def test_a_download_stopped_while_it_was_checked_is_checked_again(hub: Hub) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if what.startswith("check"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        download(TINY, progress=stop)
    assert TINY.find() is None
    assert download(TINY).read_bytes() == CONTENT
    assert len([1 for method, _, _ in hub.asked if method == "GET"]) == 1, "it was all there"


def test_a_part_longer_than_the_file_is_begun_anew(hub: Hub, tmp_path: Path) -> None:
    put(tmp_path / "mine" / f"{TINY.file_name}.{hub.etag[:16]}.part", CONTENT + b"more")
    assert download(TINY).read_bytes() == CONTENT


def test_a_file_of_another_checksum_is_refused_and_removed(hub: Hub) -> None:
    hub.etag = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(EngineError, match=r"checksum.*vas-tool models download sam2\.1-tiny"):
        download(TINY)
    assert TINY.find() is None
    hub.etag = hashlib.sha256(CONTENT).hexdigest()
    assert download(TINY).read_bytes() == CONTENT


def test_what_the_hub_does_not_have_is_named(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "sam2-large"]) == 1
    assert "facebook/sam2-hiera-large/sam2_hiera_large.pt could not be downloaded" in capsys.readouterr().err


def test_no_hub_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EngineError, match="check the connection"):
        download(TINY)


def test_unknown_weights_list_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "sam9"]) == 1
    assert "sam2.1-tiny" in capsys.readouterr().err


# --- weights of several files -----------------------------------------------------------------------------------------

UNET = Part("unet/weights.fp16.safetensors", ("unet/weights.safetensors",))
FOLDER = WeightsFolder("video", "somebody/video-model", (Part("config.json"), UNET), 5, "MIT")
PLAIN = {"config.json": b"{}", "unet/weights.safetensors": CONTENT}


def test_a_folder_is_found_when_it_has_every_part_under_any_name(tmp_path: Path) -> None:
    assert FOLDER.find() is None
    assert "video-model is in none of" in FOLDER.lack() and str(tmp_path / "mine" / "video-model") in FOLDER.lack()
    put(tmp_path / "checkpoints" / "video-model" / "config.json")
    assert FOLDER.find() is None
    assert FOLDER.lack() == ("checkpoints/video-model lacks unet/weights.fp16.safetensors or unet/weights.safetensors")
    plain = put(tmp_path / "checkpoints" / "video-model" / "unet" / "weights.safetensors")
    assert FOLDER.find() == Path("checkpoints/video-model") and FOLDER.lack() == ""
    found = UNET.find(tmp_path / "checkpoints" / "video-model")
    assert found == plain
    half = put(plain.with_name("weights.fp16.safetensors"))
    assert UNET.find(tmp_path / "checkpoints" / "video-model") == half


def test_a_folder_is_found_in_the_hubs_cache(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--somebody--video-model"
    put(repository / "refs" / "main", COMMIT.encode())
    for name in PLAIN:
        put(repository / "snapshots" / COMMIT / name)
    assert FOLDER.find() == repository / "snapshots" / COMMIT


def test_a_file_is_found_under_its_other_names(tmp_path: Path) -> None:
    weights = Weights("depth", "somebody/depth", "depth.pth", 5, "MIT", other_names=("depth.safetensors",))
    other = put(tmp_path / "mine" / "depth.safetensors")
    assert weights.find() == other
    first = put(tmp_path / "mine" / "depth.pth")
    assert weights.find() == first


def test_what_nobody_publishes_is_told_where_to_put(tmp_path: Path) -> None:
    weights = Weights("giant", "", "giant.pth", 5, "MIT")
    assert "giant.pth" in weights.get and str(tmp_path / "mine") in weights.get
    assert len(weights.places()) == 2, "there is no hub's cache to look in"
    with pytest.raises(EngineError, match="not published"):
        download(weights)


@pytest.fixture
def folder_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(FOLDER.repo_id, "README.md", b"", "", dict(PLAIN))
    with hub.serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


def test_a_folder_is_fetched_under_the_names_that_the_hub_has(folder_hub: Hub, tmp_path: Path) -> None:
    told: list[str] = []
    folder = download(FOLDER, progress=lambda done, total, what: told.append(what))
    assert folder == tmp_path / "mine" / "video-model" == FOLDER.find()
    assert {name: (folder / name).read_bytes() for name in PLAIN} == PLAIN
    assert any("unet/weights.safetensors" in what for what in told)


def test_only_what_a_folder_lacks_is_fetched(folder_hub: Hub, tmp_path: Path) -> None:
    put(tmp_path / "mine" / "video-model" / "unet" / "weights.safetensors")
    download(FOLDER)
    assert {path.rpartition("/main/")[2] for _, path, _ in folder_hub.asked} == {"config.json"}


def test_a_part_that_the_hub_does_not_have_is_named(folder_hub: Hub) -> None:
    del folder_hub.others["unet/weights.safetensors"]
    with pytest.raises(EngineError, match=r"somebody/video-model/unet/weights\.safetensors could not be downloaded"):
        download(FOLDER)
    assert FOLDER.find() is None and "lacks unet/weights.fp16.safetensors or" in FOLDER.lack()


def test_a_gated_model_says_its_licence_and_uses_the_hubs_own_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = WeightsFolder("words", "owner/words", (Part("config.json"),), 1, "Some License; gated")
    hub = Hub("owner/words", "config.json", b"{}", hashlib.sha256(b"{}").hexdigest(), token="hf_mine")
    with hub.serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
        for token in ("", "hf_of_another"):
            monkeypatch.setenv("HF_TOKEN", token)
            with pytest.raises(EngineError, match=r"is gated. Its licence: Some License.*hf auth login"):
                download(weights)
        monkeypatch.setenv("HF_TOKEN", "hf_mine")
        assert (download(weights) / "config.json").read_bytes() == b"{}"
