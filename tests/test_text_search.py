"""Objects found by words: SAM 3 against transformers' own loop, duplicates and holes, and the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sam2_models import SIZE_WH, write_clip
from video_models import SAM3_SIZE, skip_without_transformers, write_folder

from sam_integration.preprocessing import frame_logits
from sam_integration.prompts import FramePrompt, Point
from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.base import FindsByText, FoundInstance, Segmenter
from vas_tool.engines.registry import LoadedEngine
from vas_tool.engines.video_sessions.engine import Sam3Segmenter, from_folder
from vas_tool.engines.video_sessions.released import SAM3
from vas_tool.engines.weights import FOLDER_VARIABLE
from vas_tool.errors import EngineError, PromptError
from vas_tool.finding import add_found, found_objects, words_of
from vas_tool.project import Project
from vas_tool.types import Click, Prompts
from vas_tool.video.clip import FolderClip

skip_without_transformers()

NUM_FRAMES = 7
WORDS = ("person", "dog")
FOLLOWED, RENEWED = 7, 1
"""Seeds of weights: under the first, found objects are followed; under the second, they are found anew each time."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    root = tmp_path_factory.mktemp("weights")

    def folder(seed: int) -> Path:
        made = root / str(seed) / "sam3"
        return made if made.exists() else write_folder(made, "sam3", seed=seed)

    return folder


@pytest.fixture(scope="module")
def engine(folders: Callable[[int], Path]) -> Sam3Segmenter:
    opened = from_folder(SAM3, folders(FOLLOWED), device="cpu")
    assert isinstance(opened, Sam3Segmenter)
    return opened


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> FolderClip:
    return write_clip(tmp_path_factory.mktemp("clip") / "jpegs", NUM_FRAMES)


def own_loop(engine: Sam3Segmenter, clip: FolderClip) -> dict[int, Any]:
    """frame_index -> transformers' answer: the whole video in one session, its own processor."""
    from transformers import Sam2VideoVideoProcessor, Sam3ImageProcessor, Sam3VideoProcessor

    side, half = {"height": SAM3_SIZE, "width": SAM3_SIZE}, [0.5, 0.5, 0.5]
    processor = Sam3VideoProcessor(
        Sam3ImageProcessor(size=side),
        Sam2VideoVideoProcessor(size=side, image_mean=half, image_std=half),
        engine.search.tokenizer,
    )
    session = processor.init_video_session(video=[np.asarray(clip[i]) for i in range(len(clip))])
    processor.add_text_prompt(session, list(WORDS))
    outputs = engine.search.model.propagate_in_video_iterator(session)
    return {output.frame_idx: processor.postprocess_outputs(session, output) for output in outputs}


@pytest.mark.parametrize("seed", [FOLLOWED, RENEWED])
def test_the_search_is_that_of_transformers(folders: Callable[[int], Path], clip: FolderClip, seed: int) -> None:
    engine = from_folder(SAM3, folders(seed), device="cpu")
    assert isinstance(engine, FindsByText) and isinstance(engine, Sam3Segmenter)
    found = dict(engine.find(clip, WORDS, range(NUM_FRAMES)))
    wanted = own_loop(engine, clip)
    assert list(found) == list(wanted) == list(range(NUM_FRAMES))
    for frame_index, instances in found.items():
        own, masks = wanted[frame_index], wanted[frame_index]["masks"].numpy()
        shown = [row for row, mask in enumerate(masks) if mask.any()]  # others hide behind a better one
        assert [i.number for i in instances] == [own["object_ids"].tolist()[row] for row in shown]
        assert [i.score for i in instances] == [own["scores"].tolist()[row] for row in shown]
        assert all(i.number in own["prompt_to_obj_ids"][i.words] for i in instances)
        assert all(np.array_equal(i.mask, masks[row]) for i, row in zip(instances, shown, strict=True))
    numbers = [{i.number for i in instances} for instances in found.values()]
    assert {i.words for i in found[0]} == set(WORDS)
    assert numbers[0] & numbers[-1] if seed == FOLLOWED else not numbers[0] & numbers[-1]


def test_clicks_use_the_encoder_that_the_detector_has(engine: Sam3Segmenter, clip: FolderClip) -> None:
    """As transformers' own tracker answers, with the features that the model makes of the detector's encoder."""
    import torch
    from transformers import Sam3TrackerVideoInferenceSession

    model = engine.search.model
    with torch.inference_mode():
        seen = model.detector_model.get_vision_features(pixel_values=engine.search.to_input(clip[2]))
        levels, positions = model.get_vision_features_for_tracker(seen)
    session = Sam3TrackerVideoInferenceSession(video_height=SIZE_WH[1], video_width=SIZE_WH[0], dtype=model.dtype)
    session.processed_frames = range(NUM_FRAMES)
    session.cache.cache_vision_features(2, {"vision_feats": levels, "vision_pos_embeds": positions})
    scale = torch.tensor([SAM3_SIZE / SIZE_WH[0], SAM3_SIZE / SIZE_WH[1]])
    point = {"point_coords": torch.tensor([[[[32.0, 25.0]]]]) * scale, "point_labels": torch.tensor([[[1]]])}
    session.add_point_inputs(session.obj_id_to_idx(1), 2, point)
    session.obj_with_new_inputs = [1]
    wanted = model.tracker_model(session, frame_idx=2).pred_masks
    answer = engine.predictor.answer(clip, 2, FramePrompt((Point(32, 25),)))
    assert np.array_equal(answer.logits, frame_logits(wanted, SIZE_WH))
    tracked = list(engine.track(clip, Prompts(clicks=(Click(2, 32, 25),)), range(2, 5)))
    assert [t.frame_index for t in tracked] == [2, 3, 4]


def test_the_memory_of_a_search_does_not_grow(engine: Sam3Segmenter, tmp_path: Path) -> None:
    sessions: list[Any] = []
    forget = engine.search.forget
    engine.search.forget = lambda session: (sessions.append(session), forget(session))  # type: ignore[method-assign]
    list(engine.find(write_clip(tmp_path / "long", 24), WORDS[:1], range(24)))
    engine.search.forget = forget  # type: ignore[method-assign]
    for outputs in sessions[-1].output_dict_per_obj.values():
        assert len(outputs["non_cond_frame_outputs"]) <= 16
        heavy = [
            f["high_res_masks"] for f in outputs["cond_frame_outputs"].values() if f.get("high_res_masks") is not None
        ]
        assert len(heavy) <= 1


def test_one_frame_and_no_words(engine: Sam3Segmenter, clip: FolderClip) -> None:
    [(frame_index, instances)] = engine.find(clip, WORDS, range(3, 4))
    assert frame_index == 3 and {i.words for i in instances} == set(WORDS)
    assert list(engine.find(clip, WORDS, range(0))) == []
    with pytest.raises(PromptError, match="no words"):
        list(engine.find(clip, (), range(2)))
    with pytest.raises(PromptError, match="too long"):
        list(engine.find(clip, ("a" * 50,), range(2)))


def test_duplicates_go_and_components_are_measured() -> None:
    import torch

    from vas_tool.engines.video_sessions.text_search import OwnKernels

    ious = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, 0.2], [0.0, 0.2, 1.0]])
    assert OwnKernels.generic_nms(ious, torch.tensor([0.7, 0.9, 0.8]), 0.5).tolist() == [1, 2]
    assert OwnKernels.generic_nms(ious, torch.tensor([0.7, 0.9, 0.8]), 0.1).tolist() == [1]
    mask = torch.zeros(1, 1, 4, 6, dtype=torch.uint8)
    mask[0, 0, 0, 0] = mask[0, 0, 1, 1] = mask[0, 0, 3, 5] = 1  # the first two touch at a corner
    labels, areas = OwnKernels.cc_2d(mask)
    assert areas[0, 0, 0, 0] == areas[0, 0, 1, 1] == 2 and areas[0, 0, 3, 5] == 1 and areas.sum() == 5
    assert labels[0, 0, 0, 0] == labels[0, 0, 1, 1] != labels[0, 0, 3, 5] and labels[0, 0, 2, 2] == 0


def test_a_folder_without_a_tokenizer_is_named(folders: Callable[[int], Path], tmp_path: Path) -> None:
    for path in folders(FOLLOWED).iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(EngineError, match=r"no tokenizer that reads.*vas-tool models download sam3"):
        from_folder(SAM3, tmp_path, device="cpu")


def test_the_command_line_finds_and_one_undo_takes_all_back(
    folders: Callable[[int], Path],
    clip: FolderClip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    source, where = str(clip.frame_path(0).parent), ["--project", str(tmp_path / "project")]
    asked = ["run", source, *where, "--find", "person, dog", "--stages", "segment"]
    assert main([*asked, "--click", "0,1,1"]) == 1 and "leave out --click" in capsys.readouterr().err
    assert main([*asked, "--dry-run"]) == 1
    told = capsys.readouterr().err
    assert "SAM License" in told and "vas-tool models download sam3" in told

    monkeypatch.setenv(FOLDER_VARIABLE, str(folders(FOLLOWED).parent))
    assert main([*asked, "--dry-run"]) == 0
    assert capsys.readouterr().out == "sam3 would search 7 frames for person, dog\n"
    assert main(asked) == 0
    assert "found person, score 0.9" in capsys.readouterr().out
    project = Project.open(tmp_path / "project")
    assert [(o.id, o.label) for o in project.truth.objects] == [(1, "person"), (2, "dog")]
    modal = project.modal(1)
    assert list(modal) == list(range(NUM_FRAMES))
    stamps = [project.layers(1).modal.stamp(i) for i in range(NUM_FRAMES)]
    assert {s.engine for s in stamps if s} == {"sam3"} and all(s and 0.5 < s.certainty <= 1 for s in stamps)
    while project.undo_label != "find person, dog":
        assert project.undo() is not None
    assert project.modal(1)[0].any()
    project.undo()
    assert not project.truth.objects and not len(project.layers(1).modal) and not len(project.layers(1).given)
    project.redo()
    assert np.array_equal(project.modal(2)[3], dict(_masks(folders(FOLLOWED), clip))[3])
    project.close()
    registry.unload_all()


def _masks(folder: Path, clip: FolderClip) -> list[tuple[int, Any]]:
    engine = from_folder(SAM3, folder, device="cpu")
    assert isinstance(engine, Sam3Segmenter)
    [_, dog] = found_objects(clip, WORDS, range(NUM_FRAMES), finder=loaded(engine))
    return list(dog.items())


def loaded(engine: Segmenter) -> LoadedEngine[Segmenter]:
    return LoadedEngine(next(s for s in registry.ENGINES if s.name == "sam3"), engine)


class Finder:
    """Finds a square that comes and goes, and another that is seen once."""

    def find(self, clip: FolderClip, words: Any, frame_indices: range, *, progress: Any) -> Any:
        for frame_index in frame_indices:
            mask = np.zeros(clip.size_wh[::-1], bool)
            mask[: 10 + frame_index, :10] = True
            seen = [FoundInstance(4, "dog", 0.6 + 0.05 * frame_index, mask)] if frame_index != 2 else []
            seen += [FoundInstance(9, "person", 0.9, ~mask)] if frame_index == 1 else []
            yield frame_index, tuple(seen)


def test_found_objects_are_true_where_they_are_seen_best(
    clip: FolderClip, make_project: Callable[..., Project]
) -> None:
    [person, dog] = found_objects(clip, WORDS, range(4), finder=loaded(Finder()))  # type: ignore[arg-type]
    assert (person.words, person.score, person.best_frame, dog.best_frame) == ("person", 0.9, 1, 3)
    assert not dog[2].any() and dog[3].sum() == 130 and list(dog) == [0, 1, 2, 3]
    project = make_project(num_frames=4, size_wh=clip.size_wh)
    ids = add_found(project, [person, dog], by=next(s for s in registry.ENGINES if s.name == "sam3"))
    assert [project.truth.object(i).given for i in ids] == [(1,), (3,)]
    assert [project.modal(ids[1]).area(f) for f in range(4)] == [100, 110, 0, 130]


def test_words_are_separated_by_commas() -> None:
    assert words_of(" person,  red car ,person,") == ("person", "red car")
    with pytest.raises(PromptError, match="no words"):
        words_of(" , ")
