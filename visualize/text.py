"""The same pictures as text: Mermaid for pages that render it, and a tree for the terminal."""

from __future__ import annotations

from typing import Any

from autograd import Value
from visualize.description import LIMIT, Description, Edge, Node, describe
from visualize.folding import fold
from visualize.scene import Box, Scene, compose, equation
from visualize.style import DASH, number, shown_label

__all__ = ["mermaid", "of_drawing", "tree"]

SHAPES = {"leaf": ("[", "]"), "parameter": ("[", "]"), "constant": ("(", ")"), "group": ("[/", "/]")}
STYLES = {
    "leaf": "fill:#e6f3e9,stroke:#4f8a5c,color:#1b2430", "parameter": "fill:#fdf3d8,stroke:#9a7417,color:#1b2430",
    "operation": "fill:#eef2f7,stroke:#74859a,color:#1b2430", "result": "fill:#e3e8fa,stroke:#3c4a8f,color:#1b2430",
    "bad": "fill:#ffe3ea,stroke:#b0003a,color:#1b2430,stroke-width:4px",
}  # fmt: skip


def mermaid(value: Value, *, precision: int = 4, parameters: Any = None, limit: int = LIMIT) -> str:
    """The graph of `value` as a Mermaid flowchart, which GitHub and many notebooks show; the options are those of
    `draw`.

    >>> x = Value(3.0, "x")
    >>> print(mermaid(x * 2.0))
    flowchart LR
      n0["<b>x</b><br/>data 3<br/>grad –"]
      n1("<b>× 2</b><br/>data 6<br/>grad –")
      n0 --> n1
      class n0 leaf
      class n1 result
      classDef leaf fill:#e6f3e9,stroke:#4f8a5c,color:#1b2430
      classDef result fill:#e3e8fa,stroke:#3c4a8f,color:#1b2430
    """
    return of_scene(compose(_folded("mermaid", value, parameters, limit), precision=precision))


def of_drawing(drawing: Any) -> str:
    """A drawing that was made from a Value or a Program, as Mermaid."""
    scene = drawing.untouched() if hasattr(drawing, "untouched") else None
    if scene is None:
        raise TypeError(
            "render: Mermaid can be written of a Value or a Program; this is a graph of the graphviz package"
        )
    return of_scene(scene) + "\n"


def of_scene(scene: Scene) -> str:
    lines = [f"flowchart {scene.orientation}"]
    lines += [f"  %% {' '.join(note.split())}" for note in scene.notes]
    for box in scene.boxes:
        start, end = SHAPES.get(box.kind, ("(", ")"))
        lines.append(f'  {box.id}{start}"{_words(box)}"{end}')
    lines += _frames(scene, None, "  ")
    for arrow in scene.arrows:
        words = " ".join(filter(None, arrow.equation))
        line = "-.->" if arrow.dashed or arrow.look == "neg" else "-->"
        label = f'|"{_quoted(words)}"|' if words else ""
        lines.append(f"  {arrow.source} {line}{label} {arrow.target}")
    used: dict[str, list[str]] = {}
    for box in scene.boxes:
        used.setdefault("bad" if box.bad else box.kind, []).append(box.id)
    lines += [f"  class {','.join(ids)} {kind}" for kind, ids in used.items() if kind in STYLES]
    lines += [f"  classDef {kind} {STYLES[kind]}" for kind in used if kind in STYLES]
    return "\n".join(lines)


def _frames(scene: Scene, inside: int | None, indent: str) -> list[str]:
    """The frames that stand directly in one, or in none."""
    lines: list[str] = []
    for i, frame in enumerate(scene.frames):
        if frame.inside == inside:
            inner = {box for other in scene.frames if other.inside == i for box in other.boxes}
            mine = [f"{indent}  {box}" for box in frame.boxes if box not in inner]
            title = f'{indent}subgraph f{i}["{_quoted(frame.title)}"]'
            lines += [title, *_frames(scene, i, f"{indent}  "), *mine, f"{indent}end"]
    return lines


def _words(box: Box) -> str:
    heading = " ".join(filter(None, (" ".join(box.label), box.symbol)))
    parts = [f"<b>{_quoted(heading)}</b>"] if heading else []
    parts += [_quoted(" ".join(filter(None, (row.name, row.text)))) for row in box.rows]
    return "<br/>".join(parts) or " "


def _quoted(words: str) -> str:
    """Text between Mermaid's quotes, where # begins a character's number, and markup would be read."""
    return "".join(c if c.isalnum() or c in " .,-+=·×/…–−()^²³▁▂▃▄▅▆▇█" else f"#{ord(c)};" for c in words)


def tree(value: Value, *, precision: int = 4, parameters: Any = None, limit: int = LIMIT) -> str:
    """The graph of `value` as lines of text, the result first, its arguments below it; what is used twice is spelled
    out once.

    >>> w, x = Value(2.0, "w"), Value(3.0, "x")
    >>> y = w * x + 1.0
    >>> y.backward()
    >>> print(tree(y))
    + 1 = 7, grad 1
    └─ * = 6, grad 1 (1 × 1 = 1)
       ├─ w = 2, grad 3 (3 × 1 = 3)
       └─ x = 3, grad 2 (2 × 1 = 2)
    """
    description = _folded("tree", value, parameters, limit)
    nodes = {node.id: node for node in description.nodes}
    into: dict[str, list[Edge]] = {}
    for edge in description.edges:
        into.setdefault(edge.target, []).append(edge)
    lines = [f"note: {note}" for note in description.notes]
    seen: set[str] = set()
    # An explicit stack: a chain may be as long as `limit` allows.
    stack: list[tuple[str, Edge | None, str, str]] = [(description.nodes[-1].id, None, "", "")]
    while stack:
        key, reached_by, first, rest = stack.pop()
        again = key in seen and bool(into.get(key))
        lines.append(first + _line(nodes[key], reached_by, precision) + (" ↑" if again else ""))
        if again:
            continue
        seen.add(key)
        edges = into.get(key, [])
        for i in reversed(range(len(edges))):
            last = i == len(edges) - 1
            stack.append(
                (edges[i].source, edges[i], rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
            )
    return "\n".join(lines)


def _line(node: Node, edge: Edge | None, precision: int) -> str:
    name = " ".join([*(" ".join(shown_label(part)) for part in (node.label, node.symbol) if part)]) or "·"
    if node.kind == "group":
        return name + ("" if edge is None or edge.contribution is None else f" ({' '.join(equation(edge, precision))})")
    words = f"{name} = {number(node.data, precision)}"
    if node.kind != "constant":
        words += f", grad {DASH if node.gradient is None else number(node.gradient, precision)}"
    if edge is not None and edge.contribution is not None:
        words += f" ({' '.join(equation(edge, precision))})"
    return words


def _folded(name: str, value: Value, parameters: Any, limit: int) -> Description:
    try:
        return fold(describe(value, parameters=parameters, limit=limit))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
