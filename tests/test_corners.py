"""The corner table, held against the engine on every way in."""

import math

import numpy as np
import pytest

import autograd
from autograd import CORNERS, DomainError, Value, grad

every_corner = pytest.mark.parametrize("corner", CORNERS, ids=lambda c: f"{c.primitive.name}{c.point}")


def same(found, wanted):
    return found == wanted or found == pytest.approx(wanted, rel=1e-14, abs=0.0)


@every_corner
def test_value(corner):
    row, point = corner.primitive, corner.point
    ways = {
        "floats": lambda: row(*point),
        "Values": lambda: row(*map(Value, point)).data,
        "arrays": lambda: float(row(*(np.array([x]) for x in point))[0]),
    }
    for name, way in ways.items():
        if corner.value is None:
            with pytest.raises(DomainError):
                way()
        else:
            assert same(way(), corner.value), name


@every_corner
def test_partials(corner):
    if corner.value is None:
        assert set(corner.partials) == {None}
        return
    for i, wanted in enumerate(corner.partials):
        # One argument at a time: a constant argument needs no derivative.
        args = [Value(x) if j == i else x for j, x in enumerate(corner.point)]
        y = corner.primitive(*args)
        if wanted is None:
            with pytest.raises(DomainError, match=f"{corner.primitive.name}: has no derivative at"):
                y.backward()
            assert not args[i].has_grad
        else:
            y.backward()
            assert same(args[i].grad, wanted)
            assert same(grad(y, args[i], create_graph=True).data, wanted)


@every_corner
def test_local_derivatives_say_the_same(corner):
    if corner.value is not None:
        found = corner.primitive.local_derivatives(corner.point, corner.primitive(*corner.point))
        assert all(f is None if w is None else same(f, w) for f, w in zip(found, corner.partials, strict=True))


@every_corner
def test_every_corner_gives_its_reason(corner):
    assert len(corner.partials) == corner.primitive.arity == len(corner.point)
    assert len(corner.why) > 4
    if corner.convention and corner.primitive.kink:
        assert corner.primitive.kink.distance(*corner.point) == 0.0


def test_every_kink_but_that_of_where_is_a_corner():
    named = {corner.primitive.name for corner in CORNERS}
    assert {row.name for row in autograd.TABLE.values() if row.kink and row.rule is None} <= named


def test_more_corners_of_the_domain():
    # Not in the table, for nobody expects them otherwise.
    x = Value(-0.0)
    assert grad(autograd.abs(x), x) == 0.0
    assert grad(autograd.relu(x), x) == 0.0
    assert autograd.pow(-2.0, 2) == 4.0
    assert autograd.pow(1.0, 1e300) == 1.0
    assert autograd.atan2(0.0, -1.0) == math.pi
    assert (Value(-1.0) ** 3.0).data == -1.0


def test_the_rows_of_derivatives_follow_ieee_754():
    ratio, power, inf = autograd.TABLE["ratio"], autograd.TABLE["power"], math.inf
    assert [ratio(1.0, 0.0), ratio(-1.0, 0.0), ratio(1.0, -0.0), ratio(-1.0, -0.0)] == [inf, -inf, -inf, inf]
    assert [power(0.0, -1.0), power(1e200, 2.0), power(-1e200, 3.0), power(-1e200, 2.0)] == [inf, inf, -inf, inf]
