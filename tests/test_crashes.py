"""What must not bring a process down, on either engine: no memory, odd objects, forks, graphs as deep as they come."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from memory_limit import WORK

import autograd
from autograd import Value, grad, primitive, topological, trace, zero_grad
from autograd import primitives as table
from autograd.copies import restored
from autograd.engine import gradients, held_elsewhere, leaves, record, unwind
from autograd.primitive import TABLE, Primitive

X = Value(1.5)


# ---------------------------------------------------------------- memory


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("megabytes", [1, 3, 10, 30, 60, 100] if autograd.engine() == "native" else [3])
@pytest.mark.parametrize("kind", WORK)
def test_without_memory_there_is_a_memory_error_and_work_goes_on(kind, megabytes):
    command = [sys.executable, str(Path(__file__).parent / "memory_limit.py"), kind, str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "went on"), done.stderr[-2000:]


# ---------------------------------------------------------------- copies


def deep(n):
    x = Value(1.0, label="x")
    y, middle = x, None
    for i in range(n):
        y = y * 1.0000001
        middle = y if i == n // 2 else middle
    return x, middle, y


@pytest.mark.parametrize("make", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_graphs_of_any_depth_can_be_copied(make):
    x, middle, y = deep(60_000)
    y.backward()
    a, b, c, d = make((x, middle, y, y))
    assert (c is d, c.data, b.grad, a.label, a is x) == (True, y.data, middle.grad, "x", False)
    before = a.grad
    c.backward()
    assert (a.grad, len(topological(c))) == (2.0 * before, len(topological(y)))
    assert b in set(topological(c))


def test_what_is_shared_stays_shared():
    w, h = Value(2.0), Value(3.0) * 1.0
    loss, other = h * w, h + w
    loss2, w2, other2, h2 = pickle.loads(pickle.dumps([loss, w, other, h]))
    assert loss2.args == other2.args == (h2, w2)
    assert all(a is b for a, b in zip(loss2.args, other2.args, strict=True))
    loss2.backward()
    assert w2.grad == 3.0


def test_a_copy_of_a_computed_value_is_the_same_node_again():
    x = Value(2.0)
    y = copy.copy(x * x) * 3.0
    y.backward()
    assert (y.data, x.grad) == (12.0, 12.0)
    twin = copy.copy(x)
    twin.data = 5.0
    assert x.data == 2.0


def test_a_pickle_that_failed_spoils_no_later_one():
    class Refuses:
        def __reduce__(self):
            raise RuntimeError("no")

    _, _, y = deep(5000)
    with pytest.raises(RuntimeError, match="no"):
        pickle.dumps([y * 1.0, Refuses()])
    assert pickle.loads(pickle.dumps(y)).data == y.data


# ---------------------------------------------------------------- odd arguments


class Sweeps:
    """A number whose conversion comes back into the graph."""

    def __float__(self):
        (X * X).backward()
        return 1.0


ODD = {
    "topological": (lambda: topological(None), "topological: takes a Value, got None"),
    "leaves": (lambda: leaves(2.0), "leaves: takes a Value, got 2.0"),
    "gradients of": (lambda: gradients(None, [X]), "gradients: takes a Value, got None"),
    "gradients by": (lambda: gradients(X * X, [None]), "gradients: takes Values, got None"),
    "gradients by none": (lambda: gradients(X * X, None), "gradients: takes a list of Values, got None"),
    "seed that sweeps": (lambda: gradients(X * X, [X], Sweeps()), "seed: expected a real number"),
    "seed of backward": (lambda: (X * X).backward(Sweeps()), "seed: expected a real number"),
    "restored without arguments": (lambda: restored(1.0, "", None, table.add, ()), "a copy needs a primitive and its"),
    "restored with text": (lambda: restored(1.0, "", None, table.add, (X, "b")), "a copy needs a primitive and its"),
    "restored by name": (lambda: restored(1.0, "", None, "add", (X, 1.0)), "a copy needs a primitive and its"),
    "unwind": (lambda: unwind([None]), "unwind: takes Values, got None"),
    "held": (lambda: held_elsewhere([None], np.zeros(1, int)), "held_elsewhere: takes Values, got None"),
    "zero_grad": (lambda: zero_grad(3.0), "zero_grad: takes Values"),
    "read": (lambda: autograd.read([None], "data"), "read: takes Values, got None"),
    "write": (lambda: autograd.write([X, 3], "grad", [1.0, 2.0]), "write: takes Values, got 3"),
    "label": (lambda: Value(1.0, label=5), "label: must be a string, a name to show, got 5"),
    "children": (lambda: Value(1.0, (X, X)), "what a Value was computed from is recorded by the operation"),
    "too few arguments": (lambda: record(table.add, (X,)), "add: takes 2 arguments, got 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_arguments_are_type_errors(name):
    call, words = ODD[name]
    with pytest.raises(TypeError) as caught:
        call()
    assert words in str(caught.value)


def test_a_label_set_later_is_looked_at_too():
    x = Value(1.0, label="x")
    with pytest.raises(TypeError, match="label: must be a string"):
        x.label = None
    assert x.label == "x"


def test_counts_must_be_as_many_as_values():
    with pytest.raises(ValueError, match="expected 1 counts, one per Value, got 5"):
        held_elsewhere([X], np.zeros(5, int))
    with pytest.raises(ValueError, match=r"read: out must be an array of 1 numbers"):
        autograd.read([X], "data", out=np.zeros(3))


def test_value_is_not_to_be_subclassed():
    with pytest.raises(TypeError):
        type("Mine", (Value,), {})


# ---------------------------------------------------------------- a user's own rules


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda xs, y: xs.clear() or [], "2 here, but gave 0"),
        (lambda xs, y: [xs.pop()], "2 here, but gave 1"),
        (lambda xs, y: xs.append(1.0) or [1.0] * len(xs), "2 here, but gave 3"),
        (lambda xs, y: None, "must give a list of partial derivatives, not None"),
        (lambda xs, y: ["a", "b"], "a partial derivative: expected a real number, got 'a'"),
    ],
)
def test_a_rule_that_changes_its_list_is_told(rule, words):
    row = Primitive("odd", lambda xs: 1.0, None, (), rule=rule)
    x = Value(2.0)
    with pytest.raises(TypeError) as caught:
        row([x, x]).backward()
    assert words in str(caught.value)
    assert not x.has_grad


def test_a_rule_may_empty_its_list_if_its_answer_is_right():
    row = Primitive("odd", lambda xs: xs.clear() or 1.0, None, (), rule=lambda xs, y: xs.clear() or [2.0, 3.0])
    x, y = Value(2.0), Value(3.0)
    assert grad(row([x, y]), [x, y]) == [2.0, 3.0]


def test_a_row_can_be_defined_again_and_again():
    kept = []
    for k in range(70_000):
        row = primitive("redefined", lambda x, k=k: k * x, None, lambda x, y, k=k: float(k))
        if k % 7_000 == 0:
            kept.append((k, row(X)))
        elif k % 10 == 0 or autograd.engine() == "native":
            row(X)
    del TABLE["redefined"]
    for k, y in kept:  # nodes of rows that are long out of the table
        assert (y.data, grad(y, X)) == (1.5 * k, float(k))


# ---------------------------------------------------------------- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_child_can_run_a_program_that_another_thread_was_running():
    program = trace(lambda x: autograd.sum([x * float(k) for k in range(50)]), 1.0)
    stop = threading.Event()

    def run():
        while not stop.is_set():
            with program._lock:  # as while it runs
                time.sleep(0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if program(2.0) == 2450.0 else 1)
            for _ in range(500):
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    break
                time.sleep(0.01)
            else:
                os.kill(child, 9)
                os.waitpid(child, 0)
                pytest.fail("the child hangs")
            assert status == 0
    finally:
        stop.set()
        thread.join()
