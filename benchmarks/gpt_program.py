"""The GPT of examples/gpt.py as a program: one trace, for the longest document, serves every length.

Shorter documents are filled up, and their positions weighted: 1/n for the n that there are, 0 for the filling, which
attention cannot see, because each position looks only at those before it.
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent / "examples"))

import gpt

import autograd

STEPS, BETAS = 1000, (0.85, 0.99)


def documents(count: int = STEPS) -> list[list[int]]:
    """Tokens of made-up words, as long as names are."""
    rng = random.Random(1)
    lengths = [min(max(round(rng.gauss(6.1, 1.5)), 2), gpt.LONGEST - 1) for _ in range(count)]
    return [gpt.tokens_of("".join(rng.choices(gpt.LETTERS, k=length))) for length in lengths]


def filled(tokens: list[int]) -> tuple[list[int], list[float]]:
    """The arguments of `program_loss` for a document: tokens to the longest length, and weights of positions."""
    n, longest = len(tokens) - 1, gpt.LONGEST
    return tokens + [gpt.BOUNDARY] * (longest - n), [1.0 / n] * n + [0.0] * (longest - n)


def attention(model: Any, x: Any, keys: list[Any], values: list[Any]) -> Any:
    """As in the example, but for softmax."""
    query = gpt.times(model.query, x)
    keys.append(gpt.times(model.key, x))
    values.append(gpt.times(model.value, x))
    size = gpt.WIDTH // gpt.HEADS
    found = []
    for head in range(gpt.HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = [sum(q * k for q, k in zip(query[part], key[part], strict=True)) / math.sqrt(size) for key in keys]
        weights = autograd.softmax(scores)
        for i in range(part.start, part.stop):
            found.append(sum(weight * value[i] for weight, value in zip(weights, values, strict=True)))
    return gpt.times(model.mixed, found)


def program_loss(model: Any, tokens: Any, weights: Any) -> Any:
    """Σ over positions of weight · -log(probability of the letter that follows); one more token than weights."""
    keys: list[Any] = []
    values: list[Any] = []
    losses = []
    for position, weight in enumerate(weights):
        x = gpt.rmsnorm(gpt.plus(autograd.take(model.token, tokens[position]), model.position[position]))
        x = gpt.plus(x, attention(model, gpt.rmsnorm(x), keys, values))
        hidden = [autograd.relu(h) for h in gpt.times(model.wide, gpt.rmsnorm(x))]
        x = gpt.plus(x, gpt.times(model.narrow, hidden))
        probabilities = autograd.softmax(gpt.times(model.output, x))
        losses.append(weight * -autograd.log(autograd.take(probabilities, tokens[position + 1])))
    return sum(losses)
