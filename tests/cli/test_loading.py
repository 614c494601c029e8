"""Modules are loaded without looking for garbage among them."""

import gc

import pytest

from cli.loading import loading


def test_garbage_is_collected_again_after_the_block_but_not_in_what_was_loaded() -> None:
    def load(*, failing: bool) -> None:
        with loading():
            assert not gc.isenabled()
            if failing:
                raise ImportError

    try:
        load(failing=False)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        with pytest.raises(ImportError):
            load(failing=True)
        assert gc.isenabled()
    finally:
        gc.unfreeze()
