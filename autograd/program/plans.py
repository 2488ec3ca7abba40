"""Plans that are known in this process: a record that was rolled once is not rolled again, whoever traced it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from weakref import WeakValueDictionary

from autograd.program.record import Record
from autograd.program.roll import Plan

__all__ = ["keep", "known"]

_PLANS: WeakValueDictionary[Any, Plan] = WeakValueDictionary()
"""By content of the record; each as long as a program holds it."""


def known(record: Record) -> Plan | None:
    """The plan of an equal record, if there is one."""
    return _PLANS.get(_key(record))


def keep(record: Record, plan: Plan) -> Plan:
    """To be known from now on. Returns the plan of an equal record, this one or the one before it."""
    return _PLANS.setdefault(_key(record), plan)


def _key(record: Record) -> tuple[Any, ...]:
    """What a plan depends on. Rows count as themselves: those of users may have the same name."""
    content = sha256()
    for array in (record.constants, record.op, record.start, record.args, record.outputs):
        content.update(f"{array.dtype}{array.shape}".encode())
        content.update(array.tobytes())
    return content.digest(), record.n_parameters, record.n_inputs, record.primitives
