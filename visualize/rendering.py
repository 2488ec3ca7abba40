"""From DOT text to a file: with graphviz-pure if it is there, else with Graphviz, else with an error that helps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from autograd import Value
from autograd._files import atomic_write

__all__ = ["RenderError", "picture", "render"]

EXTENSIONS = {".svg": "svg", ".png": "png", ".dot": "dot", ".gv": "dot"}

REMEDY = (
    "run 'pip install graphviz-pure', or install Graphviz (https://graphviz.org/download) so that 'dot' is on the PATH"
)


class RenderError(RuntimeError):
    """No program could make the picture; the message says what to install, or what the program answered."""


def render(what: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write a picture to `path`, whole or not at all, and return the path.

    what: a Value or a Program (`options` are then those of `draw`), a drawing, or any graph or source of the graphviz
        package.
    path: ends in .svg, .png, or .dot (the text, which needs no Graphviz).

    If there is neither Graphviz nor graphviz-pure, or they fail, the DOT text is saved under the same name with .dot,
    and RenderError says what to do.
    """
    path = Path(path)
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
        else:
            try:
                file.write(picture(source, form, what.engine))
            except RenderError as error:
                text = path.with_suffix(".dot")
                with atomic_write(text) as dot_file:
                    dot_file.write(source.encode())
                raise RenderError(f"{error}. The DOT text is saved in {text}.") from None
    return path


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
