"""The video models of transformers in our predictor, against a literal loop over transformers' own sessions: same bits.

Also what the engine keeps: encoded frames are shared, memory is bounded, corrections count.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sam2_models import SIZE_WH, write_clip
from video_models import SIZE, skip_without_transformers, write_folder

from sam_integration.features import FrameFeatures
from sam_integration.preprocessing import Logits
from sam_integration.prompts import FramePrompt, Point
from vas_tool.engines.sam2 import Sam2Segmenter
from vas_tool.engines.video_sessions.engine import from_folder
from vas_tool.engines.video_sessions.released import EDGETAM, VIDEO_MODELS
from vas_tool.errors import EngineError
from vas_tool.types import Box, Click, Mask, Prompts
from vas_tool.video.clip import FolderClip

skip_without_transformers()

from sam_integration.predictor import Predictor  # noqa: E402
from vas_tool.engines.video_sessions.session_network import SessionNetwork  # noqa: E402

NUM_FRAMES = 20
"""More than the sixteen frames that pointers reach back."""
DISC: Mask = (np.mgrid[:64, :96][0] - 30) ** 2 + (np.mgrid[:64, :96][1] - 40) ** 2 < 15**2
OBJECTS: tuple[dict[int, FramePrompt], ...] = (
    {2: FramePrompt((Point(30, 25), Point(60, 50, positive=False))), 9: FramePrompt((Point(56, 25),))},
    {2: FramePrompt((Point(66, 40),), (52.0, 30.0, 80.0, 52.0)), 5: FramePrompt(mask=np.zeros_like(DISC))},
    {4: FramePrompt(box_xyxy=(20.0, 12.0, 50.0, 40.0)), 12: FramePrompt(mask=DISC), 6: FramePrompt((Point(45, 26),))},
)


@pytest.fixture(scope="module", params=["edgetam", "sam2.1-tiny-hf"])  # sam3: test_text_search
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sam2Segmenter:
    folder = write_folder(tmp_path_factory.mktemp("weights") / request.param, request.param)
    return from_folder(VIDEO_MODELS[request.param], folder, device="cpu")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> FolderClip:
    return write_clip(tmp_path_factory.mktemp("clip") / "jpegs", NUM_FRAMES)


def network_of(engine: Sam2Segmenter) -> SessionNetwork:
    network = engine.predictor.network
    assert isinstance(network, SessionNetwork)
    return network


class Session:
    """transformers' own loop: the whole video in one session."""

    def __init__(self, network: SessionNetwork, clip: FolderClip) -> None:
        from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

        size = {"height": SIZE, "width": SIZE}
        self.model = network.model
        self.processor = Sam2VideoProcessor(Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size))
        made = self.processor.init_video_session(video=[np.asarray(clip[i]) for i in range(len(clip))])
        session = network.session_class(video_height=SIZE_WH[1], video_width=SIZE_WH[0], dtype=made.dtype)
        session.processed_frames = made.processed_frames
        self.session = session

    def prompt(self, prompts: Mapping[int, FramePrompt], *, object_id: int = 1) -> None:
        for frame_index, prompt in prompts.items():
            self.processor.add_inputs_to_inference_session(self.session, frame_index, object_id, **self._inputs(prompt))
            self.model(self.session, frame_idx=frame_index)

    @staticmethod
    def _inputs(prompt: FramePrompt) -> dict[str, Any]:
        inputs: dict[str, Any] = {}
        if prompt.mask is not None:
            inputs["input_masks"] = prompt.mask
        if prompt.box_xyxy is not None:
            inputs["input_boxes"] = [[list(prompt.box_xyxy)]]
        if prompt.points:
            inputs["input_points"] = [[[[p.x, p.y] for p in prompt.points]]]
            inputs["input_labels"] = [[[int(p.positive) for p in prompt.points]]]
        return inputs

    def track(self, start: int, *, reverse: bool) -> dict[int, list[Logits]]:
        """frame_index -> logits of the frame's size, one for each object."""
        found = {}
        for output in self.model.propagate_in_video_iterator(self.session, start, reverse=reverse):
            masks = self.processor.post_process_masks([output.pred_masks], [SIZE_WH[::-1]], binarize=False)[0]
            found[output.frame_idx] = [mask[0].numpy() for mask in masks]
        return found


@pytest.mark.parametrize("reverse", [False, True])
def test_each_object_as_in_a_session_of_transformers(engine: Sam2Segmenter, clip: FolderClip, reverse: bool) -> None:
    network = network_of(engine)
    start = 15 if reverse else 2
    span = range(start, -1, -1) if reverse else range(start, NUM_FRAMES)
    seen = 0
    for prompts in OBJECTS[2:] if reverse else OBJECTS:
        session = Session(network, clip)
        session.prompt(prompts)
        wanted = session.track(start, reverse=reverse)
        assert list(wanted) == list(span)
        for answer in Predictor(network).track(clip, prompts, span):
            assert np.array_equal(answer.logits, wanted[answer.frame_index][0]), answer.frame_index
            seen += 0 < answer.mask.mean() < 1
    assert seen > 10, "the masks are empty or full nearly everywhere: equality would prove nothing"


def test_two_objects_as_in_one_session(engine: Sam2Segmenter, clip: FolderClip) -> None:
    """One session encodes the memories of its objects together, which may round otherwise."""
    network = network_of(engine)
    session = Session(network, clip)
    for object_id, prompts in enumerate(({2: OBJECTS[0][2]}, {2: OBJECTS[1][2]}), start=1):
        session.prompt(prompts, object_id=object_id)
    wanted = session.track(2, reverse=False)
    for number, prompts in enumerate(({2: OBJECTS[0][2]}, {2: OBJECTS[1][2]})):
        for answer in engine.predictor.track(clip, prompts, range(2, 8)):
            assert np.allclose(answer.logits, wanted[answer.frame_index][number], rtol=1e-4, atol=1e-3)


def counted(engine: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One item for each frame that is encoded from now on."""
    calls: list[int] = []
    features = engine.predictor.features
    encode = features.encode

    def count(picture: Mask) -> FrameFeatures:
        calls.append(1)
        return encode(picture)

    monkeypatch.setattr(features, "encode", count)
    return calls


def test_a_frame_is_encoded_once_for_all_clicks_and_objects(
    engine: Sam2Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, calls = write_clip(tmp_path / "fresh", 6), counted(engine, monkeypatch)
    first, second = Click(3, 32, 25), Click(3, 60, 50, positive=False)
    engine.segment(clip, 3, Prompts(clicks=(first,)))
    engine.segment(clip, 3, Prompts(clicks=(first, second)))
    engine.segment(clip, 3, Prompts(clicks=(Click(3, 66, 40),)))
    assert len(calls) == 1
    list(engine.track(clip, Prompts(clicks=(first,)), range(6)))
    list(engine.track(clip, Prompts(clicks=(first, Click(5, 40, 25))), range(5, -1, -1)))  # corrected
    list(engine.track(clip, Prompts(boxes=(Box(3, 52, 30, 80, 52),)), range(6)))
    assert len(calls) == 6


def test_a_correction_after_tracking_counts_as_if_it_had_been_there_first(
    engine: Sam2Segmenter, clip: FolderClip
) -> None:
    click = Click(2, 30, 25)
    before = [t.mask for t in engine.track(clip, Prompts(clicks=(click,)), range(8))]
    corrected = Prompts(clicks=(click, Click(5, 66, 40), Click(5, 40, 25, positive=False)))
    after = [t.mask for t in engine.track(clip, corrected, range(8))]
    fresh = Sam2Segmenter(Predictor(network_of(engine)))
    assert all(map(np.array_equal, after, (t.mask for t in fresh.track(clip, corrected, range(8)))))
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) > 2


def test_a_click_corrects_a_given_mask(engine: Sam2Segmenter, clip: FolderClip) -> None:
    answers = [engine.predictor.answer(clip, 3, FramePrompt((Point(70, 50),), mask=mask)) for mask in (DISC, ~DISC)]
    alone = engine.predictor.answer(clip, 3, FramePrompt((Point(70, 50),)))
    assert not np.array_equal(answers[0].logits, answers[1].logits)
    assert not any(np.array_equal(a.logits, alone.logits) for a in answers)


def test_the_memory_of_an_object_does_not_grow(engine: Sam2Segmenter) -> None:
    reach = network_of(engine).reach
    assert (reach.spatial, reach.pointer) == (7, 16)
    assert set(reach.closest(50, range(0, 100))) == set(range(42, 58))


def test_bfloat16_answers_nearly_the_same(engine: Sam2Segmenter, clip: FolderClip) -> None:
    network = network_of(engine)
    rounded = Predictor(SessionNetwork(network.model, network.session_class, bfloat16=True))
    prompts = {2: FramePrompt((Point(30, 25),)), 4: FramePrompt(mask=DISC)}
    pairs = zip(*(p.track(clip, prompts, range(2, 8)) for p in (Predictor(network), rounded)), strict=True)
    assert np.mean([np.mean(a.mask == b.mask) for a, b in pairs]) > 0.9


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    good = write_folder(tmp_path / "good", "edgetam")
    tensors, config = (good / name for name in ("model.safetensors", "config.json"))
    whole, described = tensors.read_bytes(), config.read_text()
    tensors.write_bytes(whole[:-100])
    with pytest.raises(EngineError, match=r"good does not hold the weights of edgetam.*get it again"):
        from_folder(EDGETAM, good)
    tensors.write_bytes(whole)
    config.write_text(described.replace('"num_maskmem": 7', '"num_maskmem": 5'))
    with pytest.raises(EngineError, match="does not hold the weights of edgetam"):
        from_folder(EDGETAM, good)
    config.write_text("{")
    with pytest.raises(EngineError, match="does not hold the weights of edgetam"):
        from_folder(EDGETAM, good)
    tensors.rename(good / "pytorch_model.bin")  # a pickle is never read
    with pytest.raises(EngineError, match=r"lacks model.safetensors; get it with: vas-tool models download edgetam"):
        from_folder(EDGETAM, good)
