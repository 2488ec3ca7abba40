import gc

import hypothesis
import pytest
from programs.schedules import checked_schedules

from autograd import TABLE
from autograd.program import spec

# Graphs in normal form are looked at, too.
spec.thorough = True

# The same examples on every run, and no deadline: a busy machine is not a bug.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=False)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True, scope="session")
def check_schedules():
    """Whatever is planned in a test is checked."""
    with checked_schedules():
        yield


@pytest.fixture
def own_rows():
    """The table, put back as it was afterwards: for tests that define primitives."""
    before = dict(TABLE)
    yield TABLE
    TABLE.clear()
    TABLE.update(before)


@pytest.fixture
def no_collector():
    """Whatever is freed within the test was freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
