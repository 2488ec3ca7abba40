"""Three circuits whose gradients can be worked out on paper: python examples/circuits.py

They are the examples of "Backpropagation, Intuitions" in Stanford's course CS231n, https://cs231n.github.io/optimization-2/.
"""

from autograd import Value, dot, maximum, sigmoid


def show(title: str, y: Value, *inputs: Value) -> dict[str, float]:
    y.backward()
    print(f"{title} = {y:.4g}")
    for x in inputs:
        print(f"    d/d{x.label:3} {x.grad:8.4f}")
    return {x.label: x.grad for x in inputs}


def main() -> list[dict[str, float]]:
    # + passes the gradient on to both sides; * swaps: each side gets the other's value times the gradient.
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    product = show("(x + y) · z", (x + y) * z, x, y, z)

    # A sigmoid neuron: with s = sigmoid(...) ≈ 0.73 the gradient s·(1 - s) ≈ 0.1966 goes on to the sum.
    ws = [Value(2.0, "w0"), Value(-3.0, "w1"), Value(-3.0, "w2")]
    xs = [Value(-1.0, "x0"), Value(-2.0, "x1")]
    neuron = show("sigmoid(w0·x0 + w1·x1 + w2)", sigmoid(dot(ws[:2], xs) + ws[2]), *ws, *xs)

    # max lets the gradient through to the larger side only.
    x, y, z, w = Value(3.0, "x"), Value(-4.0, "y"), Value(2.0, "z"), Value(-1.0, "w")
    largest = show("2 · (x·y + max(z, w))", 2.0 * (x * y + maximum(z, w)), x, y, z, w)
    return [product, neuron, largest]


if __name__ == "__main__":
    main()
