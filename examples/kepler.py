"""Where is the planet, and how does it depend on its orbit? python examples/kepler.py

Kepler's equation E - e sin E = M has no solution in closed form. It is solved by bisection, which nothing can be
differentiated through; `implicit` differentiates the solution by the equation instead.
"""

import math

import autograd
from autograd import derivative, implicit, value_and_grad


def kepler(anomaly, mean, e):
    """0 where `anomaly` is the eccentric anomaly E of the mean anomaly M on an orbit of eccentricity e."""
    return anomaly - e * autograd.sin(anomaly) - mean


def bisect(mean, e):
    """E by halving, on plain numbers: it lies within e of M."""
    low, high = mean - e, mean + e
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if middle - e * math.sin(middle) < mean else (low, middle)
    return 0.5 * (low + high)


eccentric_anomaly = implicit(kepler, bisect)


def distance(mean, e):
    """Distance from the sun, in units of the orbit's half axis: 1 - e cos E."""
    return 1.0 - e * autograd.cos(eccentric_anomaly(mean, e))


def main():
    print("Mars, e = 0.0934")
    rows = []
    for degrees in (0.0, 45.0, 90.0, 180.0):
        mean = math.radians(degrees)
        r, (by_mean, by_e) = value_and_grad(distance)(mean, 0.0934)
        second = derivative(derivative(lambda m: distance(m, 0.0934)))(mean)
        rows.append((r, by_mean, by_e, second))
        print(f"M = {degrees:5.1f}°: r = {r:.6f}, dr/dM = {by_mean:+.6f}, dr/de = {by_e:+.6f}, d²r/dM² = {second:+.6f}")
    return rows


if __name__ == "__main__":
    main()
