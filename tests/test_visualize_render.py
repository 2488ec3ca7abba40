import os
import stat
import sys
import sysconfig
from pathlib import Path

import graphviz
import pytest

from autograd import Value
from visualize import RenderError, draw, render
from visualize.renderer import _program, picture

needs_posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a script with a #! line")


def y():
    return Value(2.0, "x") * 3.0


def fake_dot(folder, monkeypatch, body):
    """A `dot` that runs `body`, alone on the PATH, and no graphviz-pure."""
    script = folder / "bin" / "dot"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(script.parent))
    return script


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "empty"))


def test_svg_and_png(tmp_path):
    svg = render(y(), tmp_path / "y.svg")
    assert svg == tmp_path / "y.svg"
    assert b"<svg" in svg.read_bytes()
    assert render(y(), str(tmp_path / "Y.PNG")).read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Y.PNG", "y.svg"]


@pytest.mark.parametrize("name", ["y.dot", "y.gv"])
def test_dot_text_needs_no_renderer(tmp_path, nothing_installed, name):
    drawing = draw(y())
    assert render(drawing, tmp_path / name).read_text(encoding="utf-8") == drawing.source


def test_options_are_those_of_draw(tmp_path):
    assert "rankdir=TB" in render(y(), tmp_path / "y.dot", orientation="TB").read_text(encoding="utf-8")
    with pytest.raises(TypeError, match="orientation: options are for drawing a Value or a Program"):
        render(draw(y()), tmp_path / "y.dot", orientation="TB")


def test_anything_of_the_graphviz_package(tmp_path):
    assert b">hello<" in render(graphviz.Source("digraph { hello }"), tmp_path / "a.svg").read_bytes()
    graph = graphviz.Graph(engine="neato")
    graph.edge("a", "b")
    assert b"<svg" in render(graph, tmp_path / "b.svg").read_bytes()


def test_nothing_else(tmp_path):
    with pytest.raises(TypeError, match="takes a Value, a Program, a drawing, or a graph"):
        render("digraph {}", tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["y.jpg", "y", "y.svg.gz", ""])
def test_an_unknown_extension(tmp_path, name):
    with pytest.raises(ValueError, match=r"must end in one of \.svg, \.png, \.pdf, \.dot, \.gv, \.mmd"):
        render(y(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="create it first"):
        render(y(), tmp_path / "nowhere" / "y.svg")


def test_without_a_renderer_the_text_is_saved_and_both_remedies_named(tmp_path, nothing_installed):
    with pytest.raises(RenderError) as caught:
        render(y(), tmp_path / "y.svg")
    message = str(caught.value)
    assert "pip install graphviz-pure" in message
    assert "install Graphviz" in message
    assert str(tmp_path / "y.dot") in message
    assert (tmp_path / "y.dot").read_text(encoding="utf-8") == draw(y()).source
    assert not (tmp_path / "y.svg").exists()


def test_graphviz_pure_is_found_beside_the_interpreter(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "graphviz-pure" in _program()


@needs_posix
def test_graphviz_pure_comes_first(tmp_path, monkeypatch):
    scripts = sysconfig.get_path("scripts")
    fake_dot(tmp_path, monkeypatch, "")
    monkeypatch.setattr("sysconfig.get_path", lambda name: scripts)
    assert _program() == str(Path(scripts) / "graphviz-pure")


@pytest.mark.parametrize("form", ["svg", "png"])
def test_a_drawing_needs_no_dot_for_what_a_digraph_does(tmp_path, monkeypatch, form):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    drawing = draw(y())
    content = drawing.pipe(format=form)
    assert content.startswith(b"\x89PNG") if form == "png" else b"<svg" in content
    assert Path(drawing.render("y", format=form)).read_bytes() == content
    assert drawing.render(directory=tmp_path, outfile=tmp_path / f"z.{form}") == str(tmp_path / f"z.{form}")
    assert "<svg" in drawing.pipe(encoding="utf-8")
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert drawing.view("seen") == "seen.svg"
    assert opened == [(tmp_path / "seen.svg").as_uri()]


@needs_posix
def test_dot_is_used_without_graphviz_pure(tmp_path, monkeypatch):
    body = "text = sys.stdin.read()\nprint(sys.argv[1:], text)"
    script = fake_dot(tmp_path, monkeypatch, body)
    assert _program() == str(script)
    written = render(graphviz.Source("digraph { hello }", engine="neato"), tmp_path / "a.png").read_text()
    assert written.startswith("['-Tpng', '-Kneato', '-Gdpi=150'] digraph { hello }")


@needs_posix
def test_a_renderer_that_fails_leaves_no_half_picture(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "print('half a picture'); print('out of ink', file=sys.stderr); sys.exit(3)")
    old = tmp_path / "y.svg"
    old.write_text("before")
    with pytest.raises(RenderError, match=r"exit code 3: out of ink.*y\.dot"):
        render(y(), old)
    assert old.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "y.dot", "y.svg"]


@needs_posix
def test_a_renderer_that_says_nothing(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "")
    with pytest.raises(RenderError, match="it said nothing"):
        picture("digraph {}", "svg")


@needs_posix
def test_a_renderer_that_does_not_run(tmp_path, monkeypatch):
    script = fake_dot(tmp_path, monkeypatch, "")
    script.write_text("#!/nowhere/at/all\n")
    with pytest.raises(RenderError, match=r"does not run.*pip install graphviz-pure"):
        picture("digraph {}", "svg")


def test_text_that_is_not_dot():
    with pytest.raises(RenderError, match="syntax error"):
        picture("digraph { -> }", "svg")
