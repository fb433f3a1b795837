"""Judges of ``memory.py`` and ``devices.py``."""

import pytest

from course.grading.marks import exercise


@exercise("2.12")
@pytest.mark.parametrize("earlier", [100, 90_000])
def test_only_this_computation_is_counted(check, earlier):
    """Whatever the peak was before, whatever else is in use, whatever is freed at the end."""
    check("peak_memory", earlier=earlier, in_use=3000, temporary=4096, kept=64)


@exercise("2.12")
def test_the_device_is_waited_for(check):
    """Before: memory of work that was under way is not ours. After: the worst moment comes late."""
    check("peak_memory", earlier=100, in_use=3000, temporary=512, kept=0, queued=5000)
    check("peak_memory", earlier=100, in_use=3000, temporary=512, kept=0, late=4096)


@exercise("2.12")
def test_never_negative(check):
    """MLX's peak stays 0 after a reset until something is allocated; 3000 bytes are in use."""
    check("peak_memory", earlier=7000, in_use=3000, temporary=0, kept=0)
    check("peak_memory", earlier=7000, in_use=0, temporary=50, kept=50)


@exercise("2.12")
def test_a_real_sum_needs_room_for_its_result(probe):
    """4 MB of float32 beyond what was there: a page or two of slack on top."""
    found = probe("peak_memory_for_real", size=1_000_000)["bytes"]
    assert 4_000_000 <= found < 4_200_000


@exercise("2.13")
@pytest.mark.parametrize(
    "preferences, present",
    [
        (["gpu", "cpu"], ["gpu", "cpu"]),
        (["gpu", "cpu"], ["cpu"]),
        (["cpu", "gpu"], ["gpu", "cpu"]),
        (["cpu"], ["gpu", "cpu"]),
    ],
)
def test_the_first_wish_that_can_be_had(check, preferences, present):
    """With and without a GPU, and where the CPU is preferred."""
    check("choose_device", preferences=preferences, present=present)


@exercise("2.13")
def test_no_silent_fallback(check):
    """A GPU was asked for and there is none; a misspelt wish, first or last; no wish at all."""
    check.raises("choose_device", "ValueError", preferences=["gpu"], present=["cpu"])
    check.raises(
        "choose_device", "ValueError", match="gpuu", preferences=["gpuu", "cpu"], present=["cpu"]
    )
    check.raises(
        "choose_device", "ValueError", match="tpu", preferences=["cpu", "tpu"], present=["cpu"]
    )
    check.raises("choose_device", "ValueError", preferences=[], present=["cpu"])


@exercise("2.13")
def test_this_machine_has_a_device(probe):
    """The default wishes always find something, and it is there."""
    found = probe("choose_device_by_default")
    assert found["device"] in ("gpu", "cpu") and found["available"] is True


@exercise("2.14")
def test_the_default_is_put_back(check, draw):
    """The stream holds inside and not afterwards, also when the function raises an error."""
    check("run_on", x=draw.normal(4), fails=False)
    check("run_on", x=draw.normal(4), fails=True)
