"""Run by the tests in a process of its own: work until memory is out, let go of everything, and work again.

Arguments: the kind of work, and how many megabytes more than now the process may have.
"""

import copy
import gc
import pickle
import resource
import sys

import numpy as np

import autograd
from autograd import Value, grad, topological
from autograd.engine import unwind


def chain(n):
    y = Value(1.0)
    for _ in range(n):
        y = y * 1.0 + 0.5
    return y


def wide(n):
    return autograd.sum([Value(1.0) * 2.0 for _ in range(n)])


def swept(n):
    y = chain(n)
    y.backward()
    return y


def gradient(n):
    x = Value(1.0)
    y = x
    for _ in range(n):
        y = y * x
    return grad(y, x)


def recorded(n):
    x = Value(1.0)
    y = x
    for _ in range(n // 4):
        y = y * x
    return grad(y, x, create_graph=True)


def listed(n):
    return topological(chain(n))


def unwound(n):
    return unwind(topological(chain(n)))


def written(n):
    values = [Value(0.0) for _ in range(n)]
    autograd.write(values, "data", np.ones(n))
    return autograd.read(values, "data")


def copied(n):
    return copy.deepcopy(chain(n // 8)), pickle.loads(pickle.dumps(chain(n // 8)))


def freed(n):
    return [chain(2_000_000 if autograd.engine() == "native" else 200_000)] if n == 1000 else chain(n)


def let_go_without_memory(built):
    """Drop a long chain when there is no memory to do it in."""
    hold = []
    try:
        while True:
            hold.append(bytearray(1 << 12))
    except MemoryError:
        built.clear()


WORK = {f.__name__: f for f in (chain, wide, swept, gradient, recorded, listed, unwound, written, copied, freed)}

if __name__ == "__main__":
    work, megabytes = WORK[sys.argv[1]], int(sys.argv[2])
    built = work(1000)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    if work is freed:
        let_go_without_memory(built)
    failed, n = 0, 1000
    while not failed and n < 10**8:
        try:
            result = work(n)
            del result
        except MemoryError:
            result = None
            failed += 1
        n *= 4
    gc.collect()
    resource.setrlimit(resource.RLIMIT_AS, before)  # what is free now may lie in pieces
    x = Value(3.0)
    y = autograd.sum([x * x for _ in range(100)])
    y.backward()
    assert (failed, y.data, x.grad) == (1, 900.0, 600.0)
    print("went on")
