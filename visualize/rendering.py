"""From DOT text to a file: with graphviz-pure if it is there, else with Graphviz, else with an error that helps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from autograd import Value
from autograd._files import atomic_write
from visualize.picture import Picture

__all__ = ["RenderError", "content_of", "picture", "render", "save_picture"]

EXTENSIONS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}

REMEDY = (
    "run 'pip install graphviz-pure', or install Graphviz (https://graphviz.org/download) so that 'dot' is on the PATH"
)


class RenderError(RuntimeError):
    """No program could make the picture; the message says what to install, or what the program answered."""


def render(what: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write a picture to `path`, whole or not at all, and return the path.

    what: a Value or a Program (`options` are then those of `draw`), a drawing, a Picture such as `draw_network` makes,
        or any graph or source of the graphviz package.
    path: ends in .svg, .png, .pdf, .dot (the text, which needs no Graphviz) or .mmd (Mermaid). A Picture is no graph,
        so it has neither of the last two.

    PNG and PDF of our own drawings come out of the SVG by typst if that is installed; else Graphviz draws them. Those
    of a Picture need typst.

    If there is neither Graphviz nor graphviz-pure, or they fail, the DOT text is saved under the same name with .dot,
    and RenderError says what to do.
    """
    path = Path(path)
    if isinstance(what, Picture) and not options:
        return save_picture(what, path, "render")
    form = EXTENSIONS.get(path.suffix.lower())
    if form is None:
        raise ValueError(
            f"render: {str(path)!r} must end in one of {', '.join(EXTENSIONS)} to say which format you want"
        )
    if isinstance(what, Value) or hasattr(what, "equations"):  # a Program: its class is not imported for this
        from visualize.drawing import draw

        what = draw(what, **options)
    elif options:
        raise TypeError(
            f"render: {', '.join(options)}: options are for drawing a Value or a Program; this is drawn already"
        )
    source = getattr(what, "source", None)
    if not isinstance(source, str):
        raise TypeError(
            f"render: takes a Value, a Program, a drawing, or a graph of the graphviz package; got {what!r}"
        )

    with atomic_write(path) as file:
        if form == "dot":
            file.write(source.encode())
        elif form == "mermaid":
            from visualize.text import of_drawing

            file.write(of_drawing(what).encode())
        else:
            try:
                file.write(content_of(what, form))
            except RenderError as error:
                text = path.with_suffix(".dot")
                with atomic_write(text) as dot_file:
                    dot_file.write(source.encode())
                raise RenderError(f"{error}. The DOT text is saved in {text}.") from None
    return path


def save_picture(what: Picture, path: Path, caller: str) -> Path:
    """Write a Picture for `caller`, which errors name."""
    form = path.suffix.lower().removeprefix(".")
    if form not in ("svg", "png", "pdf"):
        graphs = " (it is no graph, so there is no text of one)" if path.suffix.lower() in EXTENSIONS else ""
        raise ValueError(
            f"{caller}: {str(path)!r}: a picture of a {what.name} is written to a name that ends in .svg, .png or .pdf"
            f"{graphs}"
        )
    content = content_of(what, form)
    with atomic_write(path) as file:
        file.write(content)
    return path


def content_of(graph: Any, form: str) -> bytes:
    """The bytes of a Picture, or of a graph of the graphviz package: of a drawing of ours that is as it was made, our
    own picture.
    """
    if isinstance(graph, Picture):
        return _converted(graph.svg, form, graph.name)
    untouched = getattr(graph, "untouched", None)
    scene = untouched() if untouched is not None else None
    if scene is None or form not in ("svg", "png", "pdf"):
        return picture(graph.source, form, graph.engine)
    from visualize.svg import picture_of

    svg = picture_of(scene)
    if form == "svg":
        return svg.encode()
    try:
        import typst
    except ImportError:
        return picture(graph.source, form, graph.engine)
    return _typeset(typst, svg, form)


def _converted(svg: str, form: str, name: str) -> bytes:
    """An SVG as it is, or as PNG or PDF."""
    if form == "svg":
        return svg.encode()
    try:
        import typst
    except ImportError:
        raise RenderError(
            f"a picture of a {name} as {form.upper()} needs typst: run 'pip install typst', or write it as .svg"
        ) from None
    return _typeset(typst, svg, form)


def _typeset(typst: Any, svg: str, form: str) -> bytes:
    """An SVG as PNG or PDF, of its own size."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "picture.svg").write_text(svg, encoding="utf-8")
        page = Path(folder, "page.typ")
        page.write_text('#set page(width: auto, height: auto, margin: 0pt)\n#image("picture.svg")\n', encoding="utf-8")
        return bytes(typst.compile(str(page), format=form, **({"ppi": 150.0} if form == "png" else {})))


def picture(source: str, form: str, engine: str = "dot") -> bytes:
    """The picture of a DOT text, in a format of Graphviz such as "svg" or "png"."""
    program = _program()
    if program is None:
        raise RenderError(f"no program to draw with: {REMEDY}")
    command = [program, f"-T{form}", f"-K{engine}"]
    if form == "png":
        command.append("-Gdpi=150")
    try:
        run = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    except OSError as error:
        raise RenderError(f"{program} does not run ({error.strerror}); {REMEDY}") from None
    if run.returncode != 0 or not run.stdout:
        answer = run.stderr.decode(errors="replace").strip()
        if "not recognized" in answer:
            raise RenderError(f"{program} cannot write {form}; run 'pip install typst', or install Graphviz")
        raise RenderError(f"{program} failed with exit code {run.returncode}: {answer or 'it said nothing'}")
    return run.stdout


def _program() -> str | None:
    """graphviz-pure, which draws the same everywhere: where pip puts commands of this interpreter, or on the PATH; else
    Graphviz.
    """
    return (
        shutil.which("graphviz-pure", path=sysconfig.get_path("scripts"))
        or shutil.which("graphviz-pure")
        or shutil.which("dot")
    )
