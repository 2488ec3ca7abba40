"""The five steps of learning, with one neuron and nothing hidden: python examples/five_steps.py

A neuron is to fire (+1) for a ripe tomato and not (-1) for an unripe one, from two numbers: how red and how soft it is.
"""

from autograd import Value, explain, tanh
from nn import diagnose

EXAMPLES = [((0.9, 0.8), 1.0), ((0.8, 0.6), 1.0), ((0.2, 0.3), -1.0), ((0.1, 0.7), -1.0)]


def main(epochs: int = 150, learning_rate: float = 0.1) -> list[float]:
    # Step 1, a neuron: two weights and a bias, to be found.
    w1, w2, b = Value(0.1, "w1"), Value(-0.2, "w2"), Value(0.0, "b")
    print("1. neuron    tanh(w1·red + w2·soft + b), with w1 = 0.1, w2 = -0.2, b = 0")

    # Step 2, forward: what does it say now?
    def neuron(red: float, soft: float) -> Value:
        return tanh(w1 * red + w2 * soft + b)

    (first, ripe), *_ = EXAMPLES
    print(f"2. forward   neuron{first} = {neuron(*first):.4f}, but the right answer is {ripe:+.0f}")

    # Step 3, loss: how wrong is it, over all examples, in one number?
    def total_loss() -> Value:
        return sum((neuron(*x) - target) ** 2 for x, target in EXAMPLES)

    loss = total_loss()
    print(f"3. loss      {loss:.4f}, the sum of squared errors over {len(EXAMPLES)} examples")

    # Step 4, backward: which way, and how strongly, does each parameter push the loss?
    loss.backward()
    print(f"4. backward  dloss/dw1 = {w1.grad:.4f}, dloss/dw2 = {w2.grad:.4f}, dloss/db = {b.grad:.4f}")

    # Step 5, the training loop: a small step downhill, again and again.
    print(f"5. loop      {epochs} steps of size {learning_rate} against the gradient")
    losses = []
    for epoch in range(1, epochs + 1):
        for parameter in (w1, w2, b):
            parameter.grad = 0.0  # leaves add up what every backward() brings
        loss = total_loss()
        loss.backward()
        for parameter in (w1, w2, b):
            parameter.data -= learning_rate * parameter.grad
        losses.append(loss.data)
        if epoch in (1, 2, 5, 10, 20, 50, 150):
            print(f"   epoch {epoch:3}  loss {loss:.4f}")
    for x, target in EXAMPLES:
        print(f"   neuron{x} = {neuron(*x):+.2f}, target {target:+.0f}")

    # What is left of the gradient, and where it comes from; and whether something keeps the neuron from learning.
    for parameter in (w1, w2, b):
        parameter.grad = 0.0
    loss = total_loss()
    loss.backward()
    print(f"\n{explain(neuron(*first), w1)}")
    print(f"\n{diagnose(loss, {'w1': w1, 'w2': w2, 'b': b})}")
    return losses


if __name__ == "__main__":
    main()
