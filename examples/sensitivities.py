"""What does a result depend on, and how far can it be trusted? python examples/sensitivities.py

The price of a European call by Black and Scholes (1973) with its sensitivities, the "Greeks", of first and second
order; how far rounding may move them, by intervals; and what the price may be if the volatility is known to 1 % only.
"""

from autograd import Interval, check_gradients, enclose, erfc, exp, hessian, log, sqrt, value_and_grad

NAMES = ("spot", "strike", "rate", "volatility", "years")
POINT = (100.0, 105.0, 0.03, 0.2, 0.5)


def normal(x):
    """The normal distribution function."""
    return 0.5 * erfc(-x / 2.0**0.5)


def call_price(spot, strike, rate, volatility, years):
    """The price of the right to buy at `strike` after `years`."""
    spread = volatility * sqrt(years)
    d1 = (log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    return spot * normal(d1) - strike * exp(-rate * years) * normal(d1 - spread)


def main():
    check_gradients(call_price, *POINT, order=2)  # before anybody relies on it
    price, slopes = value_and_grad(call_price)(*POINT)
    curvature = hessian(call_price)(*POINT)
    bounds = enclose(call_price, *POINT)
    print(f"price {price:.6f}, between {bounds.value.low:.12f} and {bounds.value.high:.12f}")
    print(f"{'':12}{'at':>10}{'slope':>14}{'curvature':>14}{'rounding':>12}")
    for i, name in enumerate(NAMES):
        row = f"{POINT[i]:>10g}{slopes[i]:>14.6f}{curvature[i][i]:>14.6f}{bounds.gradient[i].width:>12.1e}"
        print(f"{name:12}{row}")
    if_unsure = enclose(call_price, *POINT[:3], Interval(0.198, 0.202), POINT[4]).value
    print(f"with a volatility of 0.2 to 1 %: between {if_unsure.low:.3f} and {if_unsure.high:.3f}")
    return price, slopes, curvature, bounds, if_unsure


if __name__ == "__main__":
    main()
