"""Functions of one number, and points, at which finite differences have a hard time: steep, offset, beside kinks, poles
and edges, at any scale. `python tests/hard_points.py COUNT` says how `check_gradients` fares on so many.
"""

import math
import random
import sys
import warnings
from collections import Counter

import autograd
from autograd import DomainError, GradientMismatch, Primitive, check_gradients


def log_uniform(rng, low, high):
    return 10.0 ** rng.uniform(math.log10(low), math.log10(high))


def steep(rng):
    k, c = log_uniform(rng, 1.0, 1e6), rng.uniform(-2.0, 2.0)
    f = rng.choice([autograd.tanh, autograd.sin, autograd.sigmoid, autograd.atan])
    return (lambda x: f(k * (x - c))), c + rng.uniform(-3.0, 3.0) / k


def narrow(rng):
    w = log_uniform(rng, 1e-12, 1e3)
    bump = rng.choice([lambda u: autograd.exp(-u * u), lambda u: 1.0 / (1.0 + u * u)])
    return (lambda x: bump(x / w)), w * rng.uniform(0.1, 2.0)


def pole(rng):
    c, d = rng.uniform(-2.0, 2.0), log_uniform(rng, 1e-6, 1.0)
    p = rng.choice([1, 2, 3])
    return (lambda x: 1.0 / (x - c) ** p), c + d * rng.choice([-1.0, 1.0])


def kink(rng):
    c, d = rng.uniform(-2.0, 2.0), rng.choice([0.0, 1e-12, 1e-9, 1e-6, 1e-3])
    f = rng.choice([
        lambda x: abs(x - c) * x, lambda x: autograd.relu(x - c) + autograd.sin(x),
        lambda x: autograd.maximum(autograd.exp(x - c), 1.0 + 2.0 * (x - c)),
        lambda x: autograd.leaky_relu(x - c) * x, lambda x: x * x if x > c else c * x,
    ])  # fmt: skip
    return f, c + d * rng.choice([-1.0, 1.0])


def edge(rng):
    c, d = rng.uniform(-2.0, 2.0), log_uniform(rng, 1e-6, 1.0)
    f = rng.choice([autograd.log, autograd.sqrt, lambda u: autograd.asin(1.0 - u), lambda u: u**1.5, autograd.acosh])
    if f is autograd.acosh:
        return (lambda x: f(1.0 + x - c)), c + d
    return (lambda x: f(x - c)), c + d


def large(rng):
    x = log_uniform(rng, 1.0, 1e8) * rng.choice([-1.0, 1.0])
    return rng.choice([autograd.sin, lambda x: x**3, lambda x: x * autograd.cos(x), autograd.atan]), x


def small(rng):
    x = log_uniform(rng, 1e-12, 1.0) * rng.choice([-1.0, 1.0])
    return rng.choice(
        [autograd.sin, lambda x: x**3 + x, lambda x: x * autograd.exp(x), autograd.tanh, autograd.expm1]
    ), x


def sharp(rng):
    n = rng.randint(2, 30)
    return (lambda x: autograd.exp(n * autograd.sin(n * x))), rng.uniform(-2.0, 2.0)


FAMILIES = [steep, narrow, pole, kink, edge, large, small, sharp]


def hard_point(seed):
    """A function and a point. Every third is scaled, every fifth stands on an offset."""
    rng = random.Random(seed)
    f, x = FAMILIES[seed % len(FAMILIES)](rng)
    if seed % 3 == 0:
        scale = log_uniform(rng, 1e-30, 1e30)
        f = (lambda g: lambda x: scale * g(x))(f)
    elif seed % 5 == 0:
        offset = log_uniform(rng, 1.0, 1e6)
        f = (lambda g: lambda x: offset + g(x))(f)
    return f, x


def verdict(f, x):
    """agrees, differs, cannot tell, or no slope: at the edge of a domain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return check_gradients(f, x).rows[0].verdict
        except GradientMismatch:
            return "differs"
        except DomainError:
            return "no slope"


def slightly_wrong(f, by):
    """f with a gradient that is wrong by a share."""
    passed = Primitive("passed", lambda x: x, None, (1.0 + by,))
    return lambda x: f(passed(x))


def main(count):
    right, wrong = Counter(), Counter()
    for seed in range(count):
        f, x = hard_point(seed)
        found = verdict(f, x)
        right[found] += 1
        if found == "differs":
            print("false alarm:", seed, FAMILIES[seed % len(FAMILIES)].__name__, x)
        by = 10.0 ** random.Random(seed).uniform(-6.0, 0.0)
        again = verdict(slightly_wrong(f, by), x)
        wrong[again] += 1
        if again == "agrees" and found == "agrees":
            print("missed:", seed, FAMILIES[seed % len(FAMILIES)].__name__, x, by)
    print("right gradients:", dict(right))
    print("wrong gradients:", dict(wrong))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2880)
