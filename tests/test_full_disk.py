"""A disk that is really full: every action is confirmed and kept, or refused with a message; nothing before is lost."""

from pathlib import Path

import pytest
from full_disk_worker import work_on_small_disk


@pytest.mark.slow
def test_nothing_is_lost_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    try:
        done = work_on_small_disk(tmp_path / "disk", seed=7, actions=30)
    except OSError as error:
        pytest.skip(str(error))
    assert done["faults"] == [] and done["refused"] > 3 and done["confirmed"] > 3
