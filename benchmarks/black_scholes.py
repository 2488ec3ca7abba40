"""The price of a call option by Black and Scholes (1973), whose gradient are five Greeks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

EXAMPLES = 10_000


def options(examples: int) -> Any:
    """Arguments for `price`, (5, examples): spot and strike, years, interest and volatility a year."""
    low, high = np.array([[80.0, 80.0, 0.2, 0.0, 0.1], [120.0, 120.0, 2.0, 0.1, 0.5]])[:, :, None]
    return low + (high - low) * np.random.default_rng(0).random((5, examples))


def price(spot: Any, strike: Any, years: Any, interest: Any, volatility: Any, m: Any) -> Any:
    """Of a European call. `m`: where exp, log, sqrt and erf are from."""
    spread = volatility * m.sqrt(years)
    d1 = (m.log(spot / strike) + (interest + 0.5 * volatility * volatility) * years) / spread
    d2 = d1 - spread
    return spot * normal(d1, m) - strike * m.exp(-interest * years) * normal(d2, m)


def normal(d: Any, m: Any) -> Any:
    """The share of the normal distribution below d."""
    return 0.5 * (1.0 + m.erf(d / math.sqrt(2.0)))
