"""The spec of records: a whole one passes, and one that is broken in any way is refused with what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, take, trace
from autograd.program import tracing
from autograd.program.record import FAILS, Guard, Record
from autograd.program.spec import check

w, z = Value(2.0), Value(3.0)


def function(x, y, i):
    try:
        y = autograd.log(y)
    except DomainError:
        y = y * 2.0
    chosen = take([w, z], i) if x > 0.5 else x
    return autograd.dot([chosen, x], [y, w]) + autograd.tanh(x), 3.0, w


def record() -> Record:
    return trace(function, 1.0, -1.0, 0).paths[0].record


def changed(array, place, number):
    array = array.copy()
    array[place] = number
    return array


def of(record, name):
    """The first operation of a primitive."""
    return int(np.argmax(record.op == [row.name for row in record.primitives].index(name)))


COMPARISON = Guard(">", (0, 1), True)
FAILURE = Guard(FAILS, (0,), True, autograd.primitives.log)

BROKEN = {
    "floats for numbers": (lambda r: replace(r, args=r.args.astype(float)), "args must be a vector of whole"),
    "a matrix": (lambda r: replace(r, outputs=r.outputs[None]), "outputs must be a vector"),
    "no last start": (lambda r: replace(r, start=r.start[:-1]), "start must have an entry for each"),
    "a late start": (lambda r: replace(r, start=changed(r.start, 0, 1)), "the first one 0"),
    "an argument too many": (lambda r: replace(r, args=np.append(r.args, 0)), "then the number of all arguments"),
    "an operation of nothing": (
        lambda r: replace(r, start=changed(r.start, 1, 0)),
        "start must increase, and does not at operation 0",
    ),
    "a start that falls": (
        lambda r: replace(r, start=changed(r.start, 2, len(r.args))),
        "start must increase, and does not at operation 2",
    ),
    "an unknown primitive": (lambda r: replace(r, op=changed(r.op, 0, len(r.primitives))), "op must be places among"),
    "a negative primitive": (lambda r: replace(r, op=changed(r.op, 0, -1)), "op must be places among"),
    "a primitive twice": (lambda r: replace(r, primitives=(*r.primitives, r.primitives[0])), "each once"),
    "a primitive that is not used": (
        lambda r: replace(r, primitives=(*r.primitives, autograd.primitives.erf)),
        "must be those that occur",
    ),
    "another arity": (
        lambda r: replace(r, start=changed(r.start, of(r, "tanh"), r.start[of(r, "tanh")] - 1)),
        "tanh, takes 1 arguments and has 2",
    ),
    "an argument made later": (
        lambda r: replace(r, args=changed(r.args, r.start[of(r, "tanh")], len(r) - 1)),
        r"tanh, must have arguments that were made before",
    ),
    "an argument of itself": (
        lambda r: replace(r, args=changed(r.args, r.start[of(r, "dot")] + 1, r.first + of(r, "dot"))),
        r"dot, must have arguments that were made before",
    ),
    "a negative argument": (lambda r: replace(r, args=changed(r.args, 0, -1)), "must have arguments that were made"),
    "an output that is no node": (lambda r: replace(r, outputs=changed(r.outputs, 0, len(r))), "output must be a node"),
    "a guard of no node": (lambda r: replace(r, guards=(replace(COMPARISON, args=(0, len(r))),)), "guard 0 must be"),
    "a guard of one number": (lambda r: replace(r, guards=(replace(COMPARISON, args=(0,)),)), "guard 0 must be"),
    "a guard of another sign": (lambda r: replace(r, guards=(COMPARISON, replace(COMPARISON, sign="~"))), "guard 1"),
    "an error of no primitive": (lambda r: replace(r, guards=(replace(FAILURE, primitive=None),)), "guard 0 must be"),
    "an error of another arity": (lambda r: replace(r, guards=(replace(FAILURE, args=(0, 0)),)), "guard 0 must be"),
    "an error that is none": (lambda r: replace(r, guards=(replace(FAILURE, outcome=False),)), "guard 0 must be"),
    "a bound of no input": (lambda r: replace(r, bounds=((r.n_inputs, 2),)), "a bound must be of an input"),
    "a bound of an empty table": (lambda r: replace(r, bounds=((0, 0),)), "a bound must be of an input"),
}


def test_a_record_that_was_traced_is_whole():
    check(record())
    check(replace(record(), guards=(COMPARISON, FAILURE)))
    check(trace(lambda x: x, 1.0).paths[0].record)


@pytest.mark.parametrize("how", BROKEN)
def test_a_record_that_is_broken_is_refused(how):
    make, fault = BROKEN[how]
    with pytest.raises(AssertionError, match=f"^record: .*{fault}"):
        check(make(record()))


def test_every_record_that_is_traced_is_checked(monkeypatch):
    def broken(*arguments):
        found, leaves = record_of(*arguments)
        return replace(found, args=changed(found.args, 0, -1)), leaves

    record_of = tracing.record_of
    monkeypatch.setattr(tracing, "record_of", broken)
    with pytest.raises(AssertionError, match="must have arguments that were made before it"):
        trace(lambda x: x * x, 1.0)
