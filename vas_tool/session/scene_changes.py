"""What a person changes in the scene, and a preview of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from vas_tool.engines.builtin.background import BuiltinBackground
from vas_tool.project.object_layers import require_frame
from vas_tool.scene.rendering import Scene
from vas_tool.scene_edits import SceneEdits
from vas_tool.session.change_log import ChangeLog
from vas_tool.types import Frame


class SceneChanges:
    """Edits of the scene, each of which can be undone; and the scene's frames as they are now."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project
        self._mutex = threading.Lock()
        """Held while a frame is made: one at a time."""
        self._background = BuiltinBackground(keep=True)
        self._made_from: tuple[object, ...] = ()

    def change(self, object_id: int, **fields: Any) -> None:
        """Change fields of an object's ``LayerEdit``. Raises PromptError for a wrong value."""
        with self.project.mutex:
            obj, scene = self.project.truth.object(object_id), self.project.truth.scene
            self._store(f"scene: {obj.label}", scene.having(replace(scene.of(object_id), **fields)))

    def raise_to_front(self, object_id: int, *, raised: bool = True) -> None:
        """Bring an object in front of all others, or back to where the clip shows it."""
        with self.project.mutex:
            obj, scene = self.project.truth.object(object_id), self.project.truth.scene
            others = tuple(other for other in scene.order if other != object_id)
            order = (object_id, *others) if raised else others
            self._store(f"scene: order of {obj.label}", replace(scene, order=order))

    def reset(self) -> None:
        """Take every change of the scene back."""
        self._store("reset the scene", SceneEdits())

    def _store(self, what: str, scene: SceneEdits) -> None:
        truth = self.project.truth
        scene.require((obj.id for obj in truth.objects), len(self.project.clip))
        if scene != truth.scene:
            self.changes.store(what, replace(truth, scene=scene))

    def frame(self, frame_index: int) -> Frame:
        """Return one (H, W, 3) frame of the scene. Raises PromptError, and FormatError without a mask.

        The first one with an object that leaves its place takes seconds: the background is searched in all frames.
        """
        require_frame(frame_index, len(self.project.clip))
        with self._mutex:
            made_from = self._masks()
            if made_from != self._made_from:
                self._made_from, self._background = made_from, BuiltinBackground(keep=True)
            scene = Scene(self.project, self.project.truth.scene, self._background)
            return next(scene.frames(range(frame_index, frame_index + 1)))

    def _masks(self) -> tuple[object, ...]:
        """Return what stands for every modal mask."""
        with self.project.mutex:
            masks = {obj.id: self.project.modal(obj.id) for obj in self.project.truth.objects}
            return tuple((object_id, tuple(map(modal.state, modal))) for object_id, modal in masks.items())
