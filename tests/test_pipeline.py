"""Hypotheses and settings on their way through the pipeline, with engines whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from fake_engines import SAMPLED, SampledAmodal, use_fake_engines

from vas_tool import pipeline
from vas_tool.engines import registry
from vas_tool.errors import EngineError, PromptError
from vas_tool.types import ArrayClip, Canvas, Mask, Prompts
from vas_tool.work import AmodalWork


def seen() -> Mask:
    mask = np.zeros((6, 10), bool)
    mask[2:4, 1:3] = True
    return mask


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> AmodalWork:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    monkeypatch.setattr(SampledAmodal, "runs", [])
    clip = ArrayClip(np.zeros((3, 6, 10, 3), np.uint8))
    return AmodalWork(clip, {f: seen() for f in range(3)}, {}, canvas=Canvas((10, 6)), frame_indices=range(3))


def test_seeds_are_sampled_in_one_run_where_the_engine_can(work: AmodalWork) -> None:
    completer = registry.load("amodal", "fake-sampled")
    answers = list(pipeline.amodal_hypotheses(work, (0, 3), completer=completer))
    assert SampledAmodal.runs == [(0, 3)]
    assert [f for f, _ in answers] == [0, 1, 2]
    assert [[int(m.sum()) for m in masks] for _, masks in answers] == [[4, 10]] * 3


def test_other_engines_run_once_a_seed_and_answer_the_same_way(
    work: AmodalWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled = list(pipeline.amodal_hypotheses(work, (2, 1), completer=registry.load("amodal", "fake-sampled")))
    monkeypatch.setattr(pipeline, "SamplingCompleter", type("Never", (), {}))
    steps: list[tuple[int, int]] = []
    single = list(
        pipeline.amodal_hypotheses(
            work,
            (2, 1),
            completer=registry.load("amodal", "fake-sampled"),
            progress=lambda done, total, what: steps.append((done, total)),
        )
    )
    assert SampledAmodal.runs == [(2, 1), (2,), (1,)]
    assert all(
        np.array_equal(a, b) for (_, x), (_, y) in zip(sampled, single, strict=True) for a, b in zip(x, y, strict=True)
    )
    assert steps == sorted(steps) and steps[-1] == (4, 6)


def test_what_is_seen_belongs_to_every_hypothesis(work: AmodalWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SampledAmodal, "guess", lambda self, modal, reach, canvas: np.zeros((6, 10), bool))
    for _, masks in pipeline.amodal_hypotheses(work, (1, 2), completer=registry.load("amodal", "fake-sampled")):
        assert all(np.array_equal(mask, seen()) for mask in masks)


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_no_seed_or_one_twice_is_refused(work: AmodalWork, seeds: tuple[int, ...]) -> None:
    with pytest.raises(PromptError, match="only once"):
        list(pipeline.amodal_hypotheses(work, seeds, completer=registry.load("amodal", "fake-sampled")))


def test_settings_reach_the_engine(work: AmodalWork) -> None:
    prompts = Prompts(masks=work.modal)
    for settings, area in (({}, 6), ({"stretch": 2}, 8)):
        layers = pipeline.run(work.clip, prompts, stages=["amodal"], settings={"amodal": settings}, seed=1)
        assert int(layers.amodal[0].sum()) == area


@pytest.mark.parametrize(
    "settings", [{"amodal": {"strech": 2}}, {"amodal": {"stretch": 99}}, {"content": {"steps": 1}}]
)
def test_wrong_settings_are_refused_before_an_engine_is_loaded(
    work: AmodalWork, settings: dict[str, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(SAMPLED, module="no_such_module")
    monkeypatch.setattr(registry, "ENGINES", (broken, *registry.ENGINES[1:]))
    with pytest.raises(EngineError, match=r"no parameter|cannot be"):
        pipeline.run(work.clip, Prompts(masks=work.modal), stages=["amodal"], settings=settings)  # type: ignore[arg-type]
