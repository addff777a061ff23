"""How good the builtin content is on a scene of which the truth is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scene import Scene, make_scene, turning

from vas_tool.engines.builtin.content import NEVER_SEEN, BuiltinContent
from vas_tool.masks import box_xyxy
from vas_tool.types import Content, Frame, Mask
from vas_tool.work import ContentWork

SCENES = {
    "bar": lambda: make_scene(14, enlarged=2),
    "turning": lambda: make_scene(10, path=turning, enlarged=2),
    "hidden for a while": lambda: make_scene(20, bar=(60, 106), enlarged=2),
}


@pytest.fixture(scope="module", params=list(SCENES))
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]()


def painted(scene: Scene) -> dict[int, Content]:
    work = ContentWork(scene.clip, scene.modal, scene.amodal, scene.canvas, range(len(scene)))
    return dict(BuiltinContent().complete(work))


@pytest.fixture(scope="module")
def answers(scene: Scene) -> dict[int, Content]:
    return painted(scene)


def inpainted(scene: Scene, index: int) -> Frame:
    seen = scene.modal[index]
    if not seen.any():
        return np.full_like(scene.clip[index], NEVER_SEEN)
    out = scene.clip[index] * seen[..., None].astype(np.uint8)
    x0, y0, x1, y1 = around(scene.amodal[index])
    part = out[y0:y1, x0:x1].copy(), (~seen[y0:y1, x0:x1]).astype(np.uint8)
    out[y0:y1, x0:x1] = cv2.inpaint(*part, 5, cv2.INPAINT_TELEA)
    return out


def around(mask: Mask, margin: int = 12) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the part of the picture that holds a mask and a margin: the rest is not looked at."""
    box = box_xyxy(mask)
    assert box is not None
    x0, y0, x1, y1 = box
    return max(0, x0 - margin), max(0, y0 - margin), x1 + margin, y1 + margin


def psnr(scene: Scene, index: int, colours: Frame) -> float:
    """dB on what is hidden."""
    hidden = scene.amodal[index] & ~scene.modal[index]
    difference = colours[hidden][:, :3].astype(float) - scene.content[index][hidden][:, :3]
    return float(10 * np.log10(255**2 / max(np.mean(difference**2), 1e-3)))


def mean_psnr(scene: Scene, answers: dict[int, Frame]) -> float:
    return float(np.mean([psnr(scene, i, answers[i]) for i in hidden_frames(scene)]))


def hidden_frames(scene: Scene) -> list[int]:
    return [i for i in range(len(scene)) if (scene.amodal[i] & ~scene.modal[i]).any()]


def test_it_beats_inpainting(scene: Scene, answers: dict[int, Content]) -> None:
    ours = mean_psnr(scene, answers)
    simple = mean_psnr(scene, {i: inpainted(scene, i) for i in hidden_frames(scene)})
    assert ours > simple + 7
    assert ours > 28


def test_colours_follow_the_light() -> None:
    """The second half is darker: what is brought from the first half has to be as dark."""
    scene = make_scene(14, enlarged=2)
    light = np.where(np.arange(14) < 6, 1.0, 0.7)
    frames = (scene.clip.frames * light[:, None, None, None]).astype(np.uint8)
    darker = replace(scene, clip=type(scene.clip)(frames))
    answer = painted(darker)[7]
    hidden = scene.amodal[7] & ~scene.modal[7]
    expected = 0.7 * scene.content[7][hidden][:, :3].astype(float)
    assert np.abs(answer[hidden][:, :3] - expected).mean() < 10


def test_nothing_of_the_bar_or_the_ground_gets_in(scene: Scene, answers: dict[int, Content]) -> None:
    """The thing is red, the bar is blue and the ground is green."""
    for index, content in answers.items():
        hidden = scene.amodal[index] & ~scene.modal[index]
        if hidden.any():
            red, green, blue = np.median(content[hidden][:, :3].astype(int), axis=0)
            assert red > green + 30 and red > blue + 30


def test_an_object_that_no_frame_shows_is_grey() -> None:
    scene = make_scene(3)
    never = replace(scene, modal={i: np.zeros_like(m) for i, m in scene.modal.items()})
    for index, content in painted(never).items():
        assert (content[scene.amodal[index]] == (NEVER_SEEN, NEVER_SEEN, NEVER_SEEN, 255)).all()


def test_one_frame_is_filled_from_itself() -> None:
    scene = make_scene(8, enlarged=2)
    index = 4
    one = replace(
        scene,
        clip=type(scene.clip)(scene.clip.frames[index : index + 1]),
        modal={0: scene.modal[index]},
        amodal={0: scene.amodal[index]},
        content={0: scene.content[index]},
    )
    assert psnr(one, 0, painted(one)[0]) > 17
