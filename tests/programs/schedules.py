"""Schedules that are checked as soon as they are planned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from autograd.program import reverse


@contextmanager
def checked_schedules() -> Iterator[None]:
    """Inside, `reverse.check` looks at every new one."""
    plan = reverse._Planner.schedule

    def schedule(planner: Any) -> reverse.Schedule:
        found = plan(planner)
        reverse.check(found)
        return found

    with mock.patch.object(reverse._Planner, "schedule", schedule):
        yield
