"""Programs at the limits of numbers: what does not fit, has no value, or is infinite, for one example among many."""

import copy
import math
import pickle
import random
import threading

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, derivative, trace
from autograd.program import path as paths
from autograd.program.path import Path

# ---------------------------------------------------------------- one strange example


def network(width):
    rng = np.random.default_rng(0)
    leaves = [Value(x) for x in rng.normal(size=3 * width)]

    def f(x):
        rows = [leaves[3 * i : 3 * i + 3] for i in range(width)]
        hidden = [autograd.tanh(autograd.sum([w * a for w, a in zip(row, x, strict=True)])) for row in rows]
        return autograd.sum(hidden) + 1.0 / (1.0 + x[0] * x[0])

    return f, leaves


@pytest.mark.parametrize("wrt", ["parameters", "inputs", "both"])
@pytest.mark.parametrize("reduce", ["mean", "sum", None])
@pytest.mark.parametrize("forced", ["array operations", "straight-line code"])
def test_only_the_examples_that_are_not_finite_are_asked_one_by_one(monkeypatch, wrt, reduce, forced):
    monkeypatch.setattr(Path, "is_straight", lambda self, n: forced == "straight-line code" and self.possible)
    f, leaves = network(5)
    program = trace(f, [1.0, 1.0, 1.0], parameters=leaves)
    batch = np.random.default_rng(1).normal(size=(40, 3))
    ordinary = program.value_and_grad(batch, wrt=wrt, reduce=None)
    batch[[7, 23]] = [[1e160, 1.0, 1.0], [-1e160, 0.0, 1.0]]  # the square overflows
    alone = [program.value_and_grad(x, wrt=wrt, reduce=None) for x in batch]

    asked = []
    replay = paths.replay
    monkeypatch.setattr(paths, "replay", lambda *args: asked.append(args[4]) or replay(*args))
    values, gradient = program.value_and_grad(batch, wrt=wrt, reduce=reduce)
    assert set(asked) <= {" (row 7 of the batch)", " (row 23 of the batch)"}
    assert " (row 7 of the batch)" in asked
    np.testing.assert_allclose(values, [value for value, _ in alone], rtol=1e-12)
    np.testing.assert_allclose(np.delete(values, [7, 23]), np.delete(ordinary[0], [7, 23]), rtol=1e-12)
    pairs = zip(gradient, zip(*[found for _, found in alone], strict=True), strict=True) if wrt == "both" else None
    for place, (found, each) in enumerate(pairs or [(gradient, [found for _, found in alone])]):
        by_parameters = wrt == "parameters" or (wrt == "both" and place == 0)
        reduced = np.asarray(each)
        if by_parameters and reduce == "sum":
            reduced = reduced.sum(axis=0)
        if by_parameters and reduce == "mean":
            reduced = reduced.mean(axis=0)
        np.testing.assert_allclose(found, reduced, rtol=1e-9)


def test_the_error_names_the_first_example_that_has_no_value():
    program = trace(lambda x: autograd.log(x) * x, 1.0)
    batch = np.linspace(1.0, 2.0, 100)
    batch[[31, 60]] = [-1.0, -2.0]
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got -1\.0.*\(row 31 of the batch\)"):
        program.value_and_grad(batch)


def test_an_infinite_example_gets_what_it_gets_alone_and_leaves_the_others_alone():
    program = trace(lambda x: autograd.tanh(x) + 1.0 / x, 1.0)
    batch = np.linspace(1.0, 2.0, 50)
    batch[[3, 4]] = math.inf, -math.inf
    values, slopes = program.value_and_grad(batch)
    assert (values[3:5].tolist(), slopes[3:5].tolist()) == ([1.0, -1.0], [0.0, 0.0])
    np.testing.assert_allclose(slopes[5:], [derivative(lambda x: autograd.tanh(x) + 1.0 / x)(x) for x in batch[5:]])


# ---------------------------------------------------------------- constants without a value


@pytest.mark.parametrize("n", [1, 3, 200])
def test_what_has_no_value_counts_only_where_it_is_needed(n):
    power = Value(2.0)
    program = trace(lambda x: autograd.relu((-1.0) ** power + x), -5.0)
    values, (by_power, slopes) = program.value_and_grad([-5.0] * n, wrt="both")
    assert (values.tolist(), by_power.tolist(), slopes.tolist()) == ([0.0] * n, [0.0], [0.0] * n)
    assert program.value_and_grad([5.0] * n, wrt="inputs")[1].tolist() == [1.0] * n
    with pytest.raises(DomainError, match="pow: has no derivative at"):
        program.value_and_grad([5.0] * n, wrt="both")


# ---------------------------------------------------------------- narrow numbers


def test_powers_in_float32_are_not_asked_one_by_one(monkeypatch):
    """Their slopes compare with numbers that float32 does not have."""
    program = trace(lambda x, y: (x * x + 1.0) ** y, 1.0, 1.0, dtype=np.float32)
    monkeypatch.setattr(paths, "replay", lambda *args: pytest.fail("asked one by one"))
    _, (by_x, by_y) = program.value_and_grad([0.5, 2.0], [1.5, 2.0], wrt="inputs")
    np.testing.assert_allclose(by_x, [1.5 * 1.25**0.5, 2.0 * 5.0 * 4.0], rtol=1e-6)
    np.testing.assert_allclose(by_y, [1.25**1.5 * np.log(1.25), 25.0 * np.log(5.0)], rtol=1e-6)


def test_what_is_too_large_for_float32_is_an_error():
    program = trace(lambda x: autograd.exp(x), 1.0, dtype=np.float32)
    with pytest.raises(DomainError, match=r"2\.68812e\+43 is too large for float32; trace with dtype=float64"):
        program(100.0)
    with pytest.raises(OverflowError, match=r"too large for float32; .* \(row 3 of the batch\)"):
        program([1.0, 2.0, 3.0, 100.0])
    square = trace(lambda x: x * x, 1.0, dtype=np.float32)
    with pytest.raises(DomainError, match="too large for float32"):
        square.value_and_grad([1.0, 1e30])
    assert np.isposinf(square(math.inf))
    assert trace(lambda x: autograd.exp(x) / autograd.exp(x), 1.0, dtype=np.float32)([0.0, 100.0]).tolist() == [
        1.0,
        1.0,
    ]
    with pytest.raises(ValueError, match="argument 0 holds a number that is too large for float32"):
        square([1.0, 1e300])


def test_parameters_and_frozen_values_too_large_for_float32_are_refused():
    w = Value(1e300)
    with pytest.raises(ValueError, match=r"parameter 0 is 1e\+300, too large for float32"):
        trace(lambda x: x * w, 1.0, dtype=np.float32)
    with pytest.raises(ValueError, match=r"a frozen Value is 1e\+300, too large for float32"):
        trace(lambda x: x * w, 1.0, dtype=np.float32, parameters=[])
    w.data = 2.0
    program = trace(lambda x: x * w, 1.0, dtype=np.float32)
    with pytest.raises(ValueError, match=r"parameter 0 is -1e\+39, too large for float32"):
        program.parameters = [-1e39]
    assert program.parameters.tolist() == [2.0]


@pytest.mark.parametrize(("dtype", "bits"), [(np.float32, 24), (np.float64, 53)])
def test_an_index_that_is_no_float_is_refused(dtype, bits):
    program = trace(lambda i: 1.0 if i == 2**bits else 0.0, 3, dtype=dtype)
    assert program([3, 2**bits, -(2**bits), 2**bits - 1]).tolist() == [0.0, 1.0, 0.0, 0.0]
    for wrong in (2**bits + 1, -(2**bits) - 1, np.array([2**63], dtype=np.uint64), np.array([-(2**63)])):
        with pytest.raises(ValueError, match=rf"argument 0 holds an index beyond 2\*\*{bits}"):
            program(wrong)


# ---------------------------------------------------------------- parameters are a snapshot


def line():
    w, b = Value(1.0), Value(2.0)
    return trace(lambda x: w * x + b, 1.0)


def test_parameters_are_what_they_were_when_asked():
    program = line()
    best = program.parameters
    program.parameters = [5.0, 6.0]
    assert (best.tolist(), program.parameters.tolist()) == ([1.0, 2.0], [5.0, 6.0])
    program.parameters = best
    assert program.parameters.tolist() == [1.0, 2.0]
    program.parameters -= 1.0
    program.parameters[0] = 7.0
    program.parameters[1:] *= 3.0
    assert (best.tolist(), program.parameters.tolist(), program(1.0)) == ([1.0, 2.0], [7.0, 3.0], 10.0)
    program.load()
    assert program.parameters.tolist() == [1.0, 2.0]


def test_a_part_of_old_parameters_cannot_be_set():
    program = line()
    old = program.parameters
    old[0] = 4.0  # they are the program's still
    assert program(1.0) == 6.0
    program.parameters = [5.0, 6.0]
    for change in (lambda: old.__setitem__(0, 1.0), lambda: old.__isub__(1.0)):
        with pytest.raises(RuntimeError, match=r"take program\.parameters again, or change a copy"):
            change()
    for change in (lambda: program.parameters.fill(0.0), lambda: np.copyto(program.parameters, 0.0)):
        with pytest.raises(ValueError, match="read-only"):
            change()
    assert (old.tolist(), program.parameters.tolist()) == ([4.0, 2.0], [5.0, 6.0])


def test_copies_of_parameters_are_ordinary_arrays():
    theta = line().parameters
    for plain in (theta.copy(), copy.copy(theta), copy.deepcopy(theta), pickle.loads(pickle.dumps(theta)), theta * 1.0):
        assert type(plain) is np.ndarray
        plain[0] = 9.0
    assert (theta.tolist(), repr(theta), type(theta.sum())) == ([1.0, 2.0], "array([1., 2.])", np.float64)


@pytest.mark.parametrize("forced", ["array operations", "straight-line code"])
def test_what_the_sweep_adds_up_is_looked_at_in_the_end(monkeypatch, forced):
    monkeypatch.setattr(Path, "is_straight", lambda self, n: forced == "straight-line code" and self.possible)
    program = trace(lambda x: (x * 1e200) * 1e200 - (x * 1e200) * 1e200, 1e-300)
    assert program(1e-300) == 0.0
    with pytest.raises(DomainError, match="infinite contributions of opposite sign"):
        program.value_and_grad(1e-300)


@pytest.mark.parametrize("where", ["frozen", "parameter", "constant", "argument"])
def test_a_nan_that_a_choice_would_lose_is_not_lost(monkeypatch, where):
    monkeypatch.setattr(Path, "is_straight", lambda self, n: False)
    w = Value(math.nan)
    factor = math.nan if where == "constant" else w
    parameters = [w] if where == "parameter" else []
    program = trace(lambda x: autograd.step(factor * x) + autograd.equal(x, 2.0), 1.0, parameters=parameters)
    if where == "argument":
        program = trace(lambda x: autograd.step(x) + 1.0, 1.0)
        assert np.isnan(program([1.0, math.nan])).tolist() == [False, True]
    else:
        assert np.isnan(program([1.0, 2.0])).all()


class Snapshots:
    """A program, what its parameters are now, and what was kept of them: a snapshot, or an array that looks into one,
    with what it must hold. Each method is a way to keep or to change something.
    """

    def __init__(self):
        w = [Value(float(i)) for i in range(4)]
        self.program = trace(lambda x: autograd.dot(w, [x, 2.0 * x, x * x, x]), 1.0, parameters=w)
        self.now, self.kept = [0.0, 1.0, 2.0, 3.0], []

    def keep(self, rng, delta):
        self.kept.append((self.program.parameters, self.now))

    def part(self, rng, delta):
        self.kept.append((self.program.parameters[1:3], self.now[1:3]))

    def plain(self, rng, delta):
        self.kept.append((np.asarray(self.program.parameters).reshape(2, 2)[1], self.now[2:]))

    def forget(self, rng, delta):
        if self.kept:
            self.kept.pop(rng.randrange(len(self.kept)))

    def set(self, rng, delta):
        self.now = [x + delta for x in self.now]
        self.program.parameters = self.now

    def subtract(self, rng, delta):
        self.now = [x - delta for x in self.now]
        self.program.parameters -= delta

    def item(self, rng, delta):
        self.program.parameters[2] = delta
        self.now = [*self.now[:2], delta, self.now[3]]

    def mine(self, rng, delta):
        mine = self.program.parameters
        mine *= 2.0
        self.now = [2.0 * x for x in self.now]
        self.kept.append((mine, self.now))

    def load(self, rng, delta):
        self.program.load()
        self.now = [0.0, 1.0, 2.0, 3.0]

    def check(self, x, what):
        a, b, c, d = self.now
        assert self.program(x) == pytest.approx(a * x + b * 2.0 * x + c * x * x + d * x)
        assert self.program.parameters.tolist() == self.now
        for array, wanted in self.kept:
            assert array.tolist() == wanted, what


@pytest.mark.parametrize("seed", range(60))
def test_snapshots_are_as_if_they_were_copies(seed):
    """Whatever is kept of them, whole or in part, while the parameters change in any of the ways there are."""
    rng = random.Random(seed)
    snapshots = Snapshots()
    for step in range(25):
        what = rng.choice(["keep", "part", "plain", "forget", "set", "subtract", "item", "mine", "load", "run"])
        if what != "run":
            getattr(snapshots, what)(rng, rng.randint(1, 5) / 4.0)
        snapshots.check(0.5 * step, what)
    for array, wanted in snapshots.kept:
        snapshots.program.parameters = [9.0] * 4
        if len(array) == 4:
            snapshots.program.parameters = array
            assert snapshots.program.parameters.tolist() == wanted


def test_parameters_wait_for_a_run_of_another_thread():
    w0 = Value(1.0)
    program = trace(lambda x: x * w0, 1.0)
    theta, done = program.parameters, threading.Event()

    def change():
        theta[0] = 2.0
        done.set()

    thread = threading.Thread(target=change)
    with program.alone():
        thread.start()
        assert not done.wait(0.05)
        assert program(1.0) == 1.0
    thread.join()
    assert program(1.0) == 2.0


@pytest.mark.parametrize("wrong", [[None], ["1"], [1j], [Value(1.0)], [[1.0]], [1.0, 2.0], None])
def test_parameters_are_numbers(wrong):
    w0 = Value(1.0)
    program = trace(lambda x: x * w0, 1.0)
    with pytest.raises((TypeError, ValueError)):
        program.parameters = wrong
    assert program.parameters.tolist() == [1.0]


def test_an_index_makes_constants():
    """A factor 0 of `one_hot` carries nothing, as the function itself has it: not 0 times what is no number."""
    w, x = Value(2.0), math.nan

    def f(x, i):
        return w * x * autograd.one_hot(i, 2)[1] + w

    y = f(Value(x), 0)
    y.backward()
    program = trace(f, 1.0, 1)
    _, gradient = program.value_and_grad(x, 0)
    assert w.grad == gradient[0] == 1.0
    _, each = program.value_and_grad([1.0, x], [1, 0], reduce=None)
    assert each.tolist() == [[2.0], [1.0]]
