"""The five steps of learning, with one neuron and nothing hidden: python examples/five_steps.py

A neuron is to fire (+1) for a ripe tomato and not (-1) for an unripe one, from two numbers: how red and how soft it is.
"""

from autograd import Value, explain, tanh
from nn import diagnose

EXAMPLES = [((0.9, 0.8), 1.0), ((0.8, 0.6), 1.0), ((0.2, 0.3), -1.0), ((0.1, 0.7), -1.0)]


class Neuron:
    """tanh(w1·red + w2·soft + b), with two weights and a bias to be found."""

    def __init__(self) -> None:
        self.w1, self.w2, self.b = Value(0.1, "w1"), Value(-0.2, "w2"), Value(0.0, "b")
        self.parameters = (self.w1, self.w2, self.b)

    def __call__(self, red: float, soft: float) -> Value:
        return tanh(self.w1 * red + self.w2 * soft + self.b)

    def total_loss(self) -> Value:
        """How wrong it is, over all examples, in one number."""
        return sum((self(*x) - target) ** 2 for x, target in EXAMPLES)

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = 0.0  # leaves add up what every backward() brings


def main(epochs: int = 150, learning_rate: float = 0.1) -> list[float]:
    # Step 1, a neuron: two weights and a bias, to be found.
    neuron = Neuron()
    print("1. neuron    tanh(w1·red + w2·soft + b), with w1 = 0.1, w2 = -0.2, b = 0")

    # Step 2, forward: what does it say now?
    (first, ripe), *_ = EXAMPLES
    print(f"2. forward   neuron{first} = {neuron(*first):.4f}, but the right answer is {ripe:+.0f}")

    # Step 3, loss: how wrong is it?
    loss = neuron.total_loss()
    print(f"3. loss      {loss:.4f}, the sum of squared errors over {len(EXAMPLES)} examples")

    # Step 4, backward: which way, and how strongly, does each parameter push the loss?
    loss.backward()
    print(
        "4. backward  "
        + ", ".join(f"dloss/d{parameter.label} = {parameter.grad:.4f}" for parameter in neuron.parameters)
    )

    # Step 5, the training loop: a small step downhill, again and again.
    print(f"5. loop      {epochs} steps of size {learning_rate} against the gradient")
    losses = learn(neuron, epochs, learning_rate)
    for x, target in EXAMPLES:
        print(f"   neuron{x} = {neuron(*x):+.2f}, target {target:+.0f}")

    # What is left of the gradient, and where it comes from; and whether something keeps the neuron from learning.
    neuron.zero_grad()
    loss = neuron.total_loss()
    loss.backward()
    print(f"\n{explain(neuron(*first), neuron.w1)}")
    print(f"\n{diagnose(loss, {parameter.label: parameter for parameter in neuron.parameters})}")
    return losses


def learn(neuron: Neuron, epochs: int, learning_rate: float) -> list[float]:
    """The training loop; the loss of each epoch."""
    losses = []
    for epoch in range(1, epochs + 1):
        neuron.zero_grad()
        loss = neuron.total_loss()
        loss.backward()
        for parameter in neuron.parameters:
            parameter.data -= learning_rate * parameter.grad
        losses.append(loss.data)
        if epoch in (1, 2, 5, 10, 20, 50, 150):
            print(f"   epoch {epoch:3}  loss {loss:.4f}")
    return losses


if __name__ == "__main__":
    main()
