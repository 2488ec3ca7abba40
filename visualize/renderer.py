"""The program that draws DOT text: graphviz-pure if it is there, else Graphviz, else an error that helps."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig

__all__ = ["RenderError", "picture"]

REMEDY = (
    "run 'pip install graphviz-pure', or install Graphviz (https://graphviz.org/download) so that 'dot' is on the PATH"
)


class RenderError(RuntimeError):
    """No program could make the picture; the message says what to install, or what the program answered."""


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
