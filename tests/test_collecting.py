import gc

import pytest

from vas_tool.ui.collecting import kept_for_good


def test_nothing_is_collected_meanwhile_and_everything_again_afterwards() -> None:
    before = gc.get_freeze_count()
    try:
        with pytest.raises(RuntimeError), kept_for_good():
            assert not gc.isenabled()
            raise RuntimeError
        assert gc.isenabled() and gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
