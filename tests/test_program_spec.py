"""The spec of records and graphs: whole ones pass; one that is broken in any way is refused with what is wrong."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, take, trace
from autograd.program import normalise, spaces, spec, tracing
from autograd.program.graph import BATCHED, INPUT, PARAMETER, Graph
from autograd.program.record import FAILS, Guard, Record, same
from autograd.program.spec import check, check_graph

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


def graph() -> Graph:
    """In normal form; with a dot of parameters and inputs, a list of copies and a sum of three."""

    def f(x, xs):
        pairs = [w * xs[0], z * xs[1], w * xs[2], z * xs[3]]
        total = autograd.sum([autograd.tanh(a) for a in xs]) - autograd.exp(x)
        return sum(pairs) + total, autograd.logsumexp([w, x * x, 2.0]), autograd.mean(xs)

    found = trace(f, 0.5, [1.0, 2.0, 3.0, 4.0]).paths[0].record
    return normalise.normalise(found, found.outputs)


def entry(graph, name):
    """The place among the arguments of the first one of the first operation of a primitive."""
    return graph.start[np.argmax(graph.which(getattr(autograd.primitives, name)))]


def with_primitive(graph, old, new):
    rows = [getattr(autograd.primitives, new) if row.name == old else row for row in graph.primitives]
    return replace(graph, primitives=rows)


def of_operation(graph, field, name, number):
    node = graph.first + int(np.argmax(graph.which(getattr(autograd.primitives, name))))
    return replace(graph, **{field: changed(getattr(graph, field), node, number)})


BROKEN_GRAPHS = {
    "a late start": (lambda g: replace(g, start=changed(g.start, 0, 1)), "start must increase from 0"),
    "an argument too many": (lambda g: replace(g, args=np.append(g.args, 0)), "start must increase from 0"),
    "an operation of nothing": (lambda g: replace(g, start=changed(g.start, 1, 0)), "start must increase from 0"),
    "an argument that is no node": (lambda g: replace(g, args=changed(g.args, 0, len(g.space))), "must be a node"),
    "a negative argument": (lambda g: replace(g, args=changed(g.args, 0, -1)), "must be a node"),
    "a wanted one that is none": (lambda g: replace(g, wanted=changed(g.wanted, 0, len(g.space))), "must be a node"),
    "a mean": (lambda g: with_primitive(g, "sum", "mean"), "a mean, a logsumexp or a sum"),
    "another arity": (lambda g: with_primitive(g, "tanh", "hypot"), "hypot has arguments that it does not take"),
    "a dot of three": (lambda g: with_primitive(g, "largest", "dot"), "dot has arguments that it does not take"),
    "a leaf of another space": (
        lambda g: replace(g, space=changed(g.space, g.first - 1, PARAMETER)),
        "leaves must be constants",
    ),
    "a deep leaf": (lambda g: replace(g, depth=changed(g.depth, 0, 1)), "leaves must be constants"),
    "a circle": (
        lambda g: replace(
            g, args=changed(g.args, entry(g, "tanh"), g.first + np.argmax(g.which(autograd.primitives.tanh)))
        ),
        "one level deeper",
    ),
    "a depth too many": (lambda g: of_operation(g, "depth", "exp", 5), "one level deeper"),
    "a lower space": (lambda g: of_operation(g, "space", "exp", INPUT), "in the space of its arguments"),
    "a copy that is none": (lambda g: of_operation(g, "space", "identity", INPUT), "in the space of its arguments"),
    "a mixed list": (lambda g: with_input(g, "largest"), "every list must be of one space"),
    "a mixed half": (lambda g: with_input(g, "dot"), "every list must be of one space"),
}


def with_input(graph, name):
    """The first argument of a list is an input now."""
    return replace(graph, args=changed(graph.args, entry(graph, name), graph.first - 1))


def test_a_graph_in_normal_form_is_whole():
    found = graph()
    names = {row.name for row in found.primitives if found.which(row).any()}
    assert {"dot", "sum", "largest", "identity", "tanh", "exp"} <= names
    assert found.which(autograd.primitives.identity).sum() == 3  # of a parameter, and twice of a constant
    assert {int(x) for x in found.space} >= {PARAMETER, INPUT, BATCHED}
    check_graph(found)


@pytest.mark.parametrize("how", BROKEN_GRAPHS)
def test_a_graph_that_is_broken_is_refused(how):
    make, fault = BROKEN_GRAPHS[how]
    with pytest.raises(AssertionError, match=f"^graph: .*{fault}"):
        check_graph(make(graph()))


def test_level_by_level_and_one_by_one_find_the_same(monkeypatch):
    def f(x, xs):
        for _ in range(300):
            x = x * w + autograd.sum([autograd.tanh(x * a) for a in xs]) + w * z
        return x

    record = trace(f, 0.5, [1.0, 2.0, 3.0, 4.0]).paths[0].record
    found = {}
    for level in (0.0, spaces.LEVEL, math.inf):  # what a level costs
        monkeypatch.setattr(spaces, "LEVEL", level)
        found[level] = normalise.normalise(record, record.outputs)
    for one, other in itertools.pairwise(found.values()):
        assert same(one.space, other.space)
        assert same(one.depth, other.depth)
        assert same(one.args, other.args)
    assert one.depth.max() > 900


def test_in_the_tests_every_graph_is_checked(monkeypatch):
    def broken(graph):
        return replace(graph, depth=graph.depth + 1)

    monkeypatch.setattr(normalise, "one_space", broken)
    assert spec.thorough
    with pytest.raises(AssertionError, match="leaves must be constants"):
        graph()
