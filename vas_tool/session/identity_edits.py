"""What a person says when an object comes back: it is the same one, or another, which becomes an object of its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from vas_tool.errors import ProjectDamaged, PromptError
from vas_tool.project.object_layers import require_frame
from vas_tool.project.returns import returns, split, split_orders
from vas_tool.session.change_log import ChangeLog
from vas_tool.storage import LayerFolder, Picture


class IdentityEdits:
    """Answers to the question whether an object that comes back is the same one."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project

    def same(self, object_id: int, frame_index: int) -> None:
        """It is the same one. Raises PromptError where it does not come back."""
        with self.project.mutex:
            obj = self.project.truth.object(object_id)
            if frame_index not in returns(self.project.modal(object_id).areas()):
                raise PromptError(f"{obj.label} does not come back on frame {frame_index}; nothing is to be said there")
            frames = tuple(sorted({*obj.same, frame_index}))
            self.changes.edit(f"{obj.label} is the same one again, frame {frame_index}", replace(obj, same=frames))

    def split(self, object_id: int, frame_index: int) -> int:
        """It is another one: that frame and all later ones become a new object, as one edit. Returns its id.

        What was said and made on them goes along. The new object's mask on that frame is given, so that tracking can
        begin there. Raises PromptError when the object has no mask on the frame, or none before.
        """
        require_frame(frame_index, len(self.project.clip))
        with self.project.mutex:
            truth = self.project.truth
            obj, modal = truth.object(object_id), self.project.modal(object_id)
            if frame_index not in modal or not any(f < frame_index for f in modal):
                raise PromptError(f"{obj.label} has no mask on frame {frame_index}, or none before it: choose another")
            new_id, mask = truth.next_object_id, modal[frame_index]
            first, later = split(obj, frame_index, new_id)
            starts = self.project.layers(object_id).modal.stamp(frame_index)
            if starts is not None and frame_index not in later.prompted():
                later = replace(later, given=tuple(sorted({*later.given, frame_index})))
            orders = split_orders(truth.in_front, object_id, frame_index=frame_index, new_id=new_id)
            both = replace(truth.with_object(first).with_object(later), in_front=orders)
            edit_id = self.changes.store(f"split {obj.label} on frame {frame_index}", both)
            with self.project.under(edit_id):
                if starts is not None and frame_index in later.given:
                    self.project.layers(new_id).given.put(frame_index, mask, starts)
                self._move_layers(object_id, new_id, frame_index)
        self.changes.everything()
        return new_id

    def _move_layers(self, object_id: int, new_id: int, frame_index: int) -> None:
        old, new = self.project.layers(object_id), self.project.layers(new_id)
        for layer in old.every():
            name = layer.folder.relative_to(old.folder).parts
            target = new.hypothesis(int(name[1])) if len(name) > 1 else getattr(new, name[0])
            for frame in [f for f in layer if f >= frame_index]:
                _move(layer, target, frame)


def _move(layer: LayerFolder[Picture], target: LayerFolder[Picture], frame_index: int) -> None:
    stamp = layer.stamp(frame_index)
    with suppress(ProjectDamaged, KeyError):  # it stays where it is, and the notes name it
        if stamp is not None and frame_index not in target:
            target.put(frame_index, layer[frame_index], stamp)
        del layer[frame_index]
