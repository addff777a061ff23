"""What a run that was stopped leaves for the next one to go on from."""

from __future__ import annotations

import pytest

from vas_tool.project_store import begun_beside


class Areas(dict[int, int]):
    """Pixels seen by frame, as a project tells them."""

    def area(self, frame_index: int) -> int:
        return self[frame_index]


@pytest.mark.parametrize(
    ("areas", "span", "begun"),
    [
        ({0: 900}, range(1, 9), {0}),
        ({0: 900, 1: 300}, range(2, 9), {1}),
        ({0: 900, 1: 300, 2: 0, 3: 0}, range(4, 9), {1, 3}),
        ({5: 0, 6: 0, 7: 800}, range(4, -1, -1), {5, 7}),
        ({2: 0, 3: 0}, range(4, 9), {3}),
        ({}, range(0, 9), {-1}),
    ],
)
def test_behind_frames_on_which_nothing_is_seen_the_last_one_with_something_counts(
    areas: dict[int, int], span: range, begun: set[int]
) -> None:
    assert set(begun_beside(Areas(areas), span)) == begun
