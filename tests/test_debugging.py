"""Where a Value was computed, in errors and beside the code."""

import asyncio
import gc
import importlib
import linecache
import math
import os
import threading
import weakref

import pytest

import autograd
from autograd import Value, annotate, debug, site_of
from autograd.modes import modes


def line_of(text):
    """The number of the line of this file that holds `text`, which is not this one."""
    with open(__file__, encoding="utf-8") as file:
        return next(i for i, line in enumerate(file, 1) if line.strip().startswith(text))


def test_a_value_knows_its_line():
    x = Value(2.0, "x")
    with debug():
        product = x * 3.0
        root = autograd.sqrt(product)
    assert site_of(product).file == __file__
    assert site_of(product).line == line_of("product = x * 3.0")
    assert str(site_of(root)).endswith(f"line {line_of('root = autograd')}: root = autograd.sqrt(product)")
    assert site_of(x) is None
    assert site_of(x * 2.0) is None
    with pytest.raises(TypeError, match="site_of: takes a Value, got 3"):
        site_of(3.0)


def test_errors_of_the_sweep_name_the_line():
    x = Value(0.0, "x")
    with debug():
        square = x * x
        y = autograd.sqrt(square)
    with pytest.raises(
        ValueError, match=rf"0 · ∞ at mul \(computed in .*test_debugging.py\", line {line_of('square =')}"
    ):
        y.backward()
    with pytest.raises(ValueError, match="0 · ∞ at mul: the gradient"):
        autograd.sqrt(x * x).backward()
    with debug():
        again = x + 1.0
    x.data = 5.0
    with pytest.raises(RuntimeError, match=rf"changed after add \(computed in .*line {line_of('again =')}: again = x"):
        again.backward()
    a = Value(0.0)
    with debug():
        power = (a - 8.0) ** Value(3.0)
    with pytest.raises(ValueError, match=rf"pow: has no derivative .*line {line_of('power =')}"):
        power.backward()


def test_the_line_is_that_of_the_user_and_not_of_a_library():
    import nn

    model = nn.MLP(2, [3, 1], seed=1)
    with debug():
        out = model([1.0, 2.0])
    assert {site_of(v).line for v in autograd.topological(out) if v.primitive} == {line_of("out = model")}


def test_nothing_is_kept_alive_and_other_threads_are_left_alone():
    from autograd.debugging import _known

    gc.collect()
    before = len(_known)
    with debug():
        y = Value(1.0)
        for _ in range(100):
            y = y * 1.01
        elsewhere = []
        thread = threading.Thread(target=lambda: elsewhere.append(Value(2.0) * 3.0))
        thread.start()
        thread.join()
    assert len(_known) == before + 101
    assert site_of(elsewhere[0]) is None
    del y
    gc.collect()
    assert len(_known) == before


def test_numbers_are_the_same_and_blocks_nest():
    def f(x):
        with debug(), debug():
            y = autograd.tanh(x * 2.0)
        with autograd.no_grad():
            z = y * 3.0
        return y + z.data

    assert autograd.derivative(f)(0.3) == pytest.approx(2.0 / math.cosh(0.6) ** 2)
    with debug():
        assert autograd.derivative(f)(0.3) == pytest.approx(2.0 / math.cosh(0.6) ** 2)
        program = autograd.trace(lambda x: x * x, 2.0)
        assert program(3.0) == 9.0
        autograd.check_gradients(lambda x: x**3, 2.0)


def test_inside_a_traced_function_it_does_nothing():
    def f(x):
        with debug():
            return x * x

    assert autograd.trace(f, 2.0)(3.0) == 9.0


def inner(z):
    square = z * z
    return square + 0.0


def outer(w, xs):
    total = 0.0
    for x in xs:
        total = total + inner(w * x)
    if w > 100.0:
        total = total * 2.0
    return autograd.log(total)


def test_the_code_with_its_numbers():
    found = annotate(outer, 2.0, [1.0, 3.0])
    by_code = {line.code.strip(): line for line in found.lines}
    step = by_code["total = total + inner(w * x)"]
    assert (step.nodes, step.data) == (4, 40.0)
    assert step.gradient == pytest.approx(1 / 40)
    square = by_code["square = z * z"]
    assert (square.nodes, square.data, square.gradient) == (2, 36.0, pytest.approx(1 / 40))
    assert by_code["return autograd.log(total)"][2:5] == (1, math.log(40.0), 1.0)
    assert by_code["total = total * 2.0"][2:] == (0, None, None, None)
    assert step.number == line_of("total = total + inner")
    assert all(line.seconds > 0.0 for line in found.lines if line.nodes)
    assert step.seconds >= square.seconds
    assert [name.partition(",")[0] for name, _ in found.functions] == ["outer", "inner"]
    assert found.total == sum(line.nodes for line in found.lines)
    text = repr(found)
    assert "total = total + inner(w * x)" in text
    assert text.endswith(f"result {math.log(40.0):.6g}, {found.total} operations")
    assert "<code" in found._repr_html_()


def test_what_is_computed_in_vain_has_gradient_0():
    def wasteful(x):
        unused = autograd.exp(x)
        return x * x if unused > 0.0 else x

    (line,) = [line for line in annotate(wasteful, 1.5).lines if "unused =" in line.code]
    assert (line.nodes, line.gradient) == (1, 0.0)


def test_wrong_use_of_annotate():
    with pytest.raises(TypeError, match="annotate: takes a function and its arguments"):
        annotate(3.0, 1.0)
    with pytest.raises(TypeError, match="must give one Value"):
        annotate(lambda x: [x, x], 1.0)
    x = Value(2.0)
    annotate(lambda x: x * x, x)
    assert not x.has_grad


@pytest.mark.parametrize("kept", [False, True])
def test_code_that_cannot_be_read(monkeypatch, kept):
    if kept:  # as Python 3.13 does with the text of python -c
        monkeypatch.setitem(
            linecache.cache, "<string>", (12, None, ["import other\n", "y = 1\n", "z = 2\n"], "<string>")
        )
    names = {}
    exec("def f(x):\n    y = x * 2.0\n    return y * y\n", names)
    found = annotate(names["f"], 3.0).lines
    assert [(line.number, line.nodes, line.data) for line in found] == [(2, 1, 6.0), (3, 1, 36.0)]
    assert {line.code for line in found} == {""}
    with debug():
        y = names["f"](Value(2.0))
    assert str(site_of(y)) == 'File "<string>", line 3'


def test_explanations_show_the_lines():
    w, x = Value(2.0, "w"), Value(0.5, "x")
    with debug():
        z = w * x + 1.0
        y = autograd.tanh(z)
    text = str(autograd.explain(y, w))
    for words in ("z = w * x + 1.0", "y = autograd.tanh(z)"):
        assert text.count(f"test_debugging.py, line {line_of(words)}: {words}") == 1
    assert "`test_debugging.py, line" in autograd.explain(y, w).markdown()
    assert "line" not in str(autograd.explain(autograd.tanh(w * x), w))


# ---------------------------------------------------------------- blocks in and around others


def test_no_grad_stays_no_grad():
    x = Value(2.0)
    with autograd.no_grad(), debug():
        y = x * x
    assert y.args == ()
    assert site_of(y) is None


def test_comparisons_keep_nothing_alive_and_nan_is_known():
    x = Value(1.0)
    with debug():
        y = x * 2.0 * 1.1
        assert y > 0.0
        kept = weakref.ref(y)
        del y
        gc.collect()
        assert kept() is None
        bad = x * math.nan
    assert site_of(bad).line == line_of("bad = x")


def test_derivatives_inside_know_their_lines():
    def f(x):
        squared = x * x
        return autograd.sqrt(squared)

    for differentiate in (autograd.derivative, autograd.value_and_grad):
        with debug(), pytest.raises(ValueError, match=rf"line {line_of('squared = x')}: squared"):
            differentiate(f)(0.0)


def test_what_watches_comparisons_watches_inside_too():
    from visualize import explore

    def f(a):
        return a * 2.0 if a > 0.0 else a * 3.0

    plain = explore(f, at=(1.0,)).html
    with debug():
        assert explore(f, at=(1.0,)).html == plain


def test_blocks_that_end_in_another_order_leave_nothing_behind():
    def noting():
        with debug():
            yield

    with autograd.no_grad():
        blocks = noting()
        next(blocks)
    blocks.close()
    assert (Value(1.0) * 2.0).args != ()

    blocks = noting()
    next(blocks)
    with autograd.no_grad():
        blocks.close()
        assert (Value(1.0) * 2.0).args == ()
    y = Value(1.0) * 2.0
    assert y.args != ()
    assert site_of(y) is None
    assert not modes

    def silent():
        with autograd.no_grad():
            yield

    with debug():
        blocks = silent()
        next(blocks)
    blocks.close()
    assert (Value(1.0) * 2.0).args != ()
    assert not modes


def test_coroutines_that_take_turns():
    async def work():
        with debug():
            first = Value(1.0) * 2.0
            await asyncio.sleep(0)
            second = first * 3.0
            await asyncio.sleep(0)
            return site_of(first), site_of(second)

    async def all_of_them():
        return await asyncio.gather(work(), work(), work())

    for first, second in asyncio.run(all_of_them()):
        assert first.line == line_of("first = Value")
        assert second.line == line_of("second = first")
    assert not modes


def test_the_text_of_a_file_that_changed(tmp_path, monkeypatch):
    path = tmp_path / "changing.py"
    path.write_text("A = 1\n\ndef f(x):\n    return x * 3.0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("changing")
    with debug():
        assert "return x * 3.0" in str(site_of(module.f(Value(1.0))))
    path.write_text("A = 1\nB = 2\nC = 3\n\ndef f(x):\n    return x * 3.0 + 0.0\n", encoding="utf-8")
    os.utime(path, (1, 1))
    importlib.invalidate_caches()
    importlib.reload(module)
    with debug():
        assert "line 6: return x * 3.0 + 0.0" in str(site_of(module.f(Value(1.0))))


# ---------------------------------------------------------------- annotate, as strangers use it


def test_functions_of_the_library_have_no_lines_of_yours():
    import nn

    found = annotate(autograd.tanh, 2.0)
    assert (found.lines, found.total) == ([], 1)
    assert "1 of them by autograd itself" in repr(found)
    assert annotate(nn.MLP(2, [3, 1], seed=0), [0.5, -1.0]).lines == []
    assert "0 operations" in repr(annotate(lambda x: x, 2.0))


def test_whole_numbers_count_and_options_are_passed_on():
    def power(x, n, start=1.0):
        total = start
        for _ in range(n):
            total = total * x
        return total

    found = annotate(power, 2.0, 3, start=0.5)
    assert found.data == 4.0
    with pytest.raises(TypeError, match=r"write 2\.0, not 2"):
        annotate(lambda x: x * x, 2)


def test_without_gradients_the_lines_are_shown_and_the_trouble_is_told():
    def f(x):
        area = x * x
        return autograd.sqrt(area)

    found = annotate(f, 0.0)
    assert [line.gradient for line in found.lines if line.nodes] == [None, None]
    assert f"line {line_of('area = x')}" in found.trouble
    assert "no gradients: backward: 0 · ∞" in repr(found)


def test_a_comprehension_belongs_to_its_function():
    def f(xs):
        return autograd.sum([x * x for x in xs])

    found = annotate(f, [1.0, 2.0])
    assert len(found.functions) == 1
    assert sum(line.nodes for line in found.lines) == 3


def test_times_are_not_those_of_watching_what_is_called():
    def busy(x):
        total = 0
        for i in range(30_000):
            total += i
        return x * (1.0 + total * 0.0)

    def f(x):
        y = busy(x)
        return y * 2.0

    seconds = {line.code.strip(): line.seconds for line in annotate(f, 1.0).lines}
    inner = seconds["total += i"] + seconds["for i in range(30_000):"]
    assert seconds["y = busy(x)"] < inner


def test_calls_within_calls_are_counted_once():
    def fall(x, n):
        y = x * 1.01
        return fall(y, n - 1) if n else y

    found = annotate(fall, 1.0, 20)
    seconds = {line.code.strip(): line for line in found.lines}
    assert seconds["y = x * 1.01"].nodes == 21
    again = seconds["return fall(y, n - 1) if n else y"].seconds
    assert again == max(line.seconds for line in found.lines if line.seconds)
