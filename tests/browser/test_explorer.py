"""The page as somebody uses it: with buttons, keys, sliders, on a phone, in the dark, with a screen reader."""

import json

import pytest
from axe_core_python.base import AXE_FILE_PATH
from graphs import kinds, network, neuron
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import autograd
from autograd import Value, tanh
from visualize import explore

CLICK_ALL = """
for (const b of document.querySelectorAll('.box')) b.dispatchEvent(new MouseEvent('click', {bubbles: true}))
"""
STATE = "return document.querySelector('svg.glassgrad').outerHTML + document.getElementById('told').outerHTML"


def loss(w, x, b, target):
    return (tanh(w * x + b) - target) ** 2


@pytest.fixture
def opened(page, tmp_path):
    return page.open(explore(loss, tmp_path / "page.html", at=[2.0, 0.5, -1.5, 0.9]))


def press(page, *keys):
    for key in keys:
        ActionChains(page.driver).send_keys(key).perform()


def test_to_the_end_and_back_to_the_beginning_restores_the_page(opened):
    opened.click("first")
    before = opened.run(STATE)
    assert opened.text("count").startswith("0 /")
    opened.click("last")
    assert opened.run(STATE) != before
    opened.click("first")
    assert opened.run(STATE) == before
    forwards = []
    for step in range(opened.run("return explorer.steps") + 1):
        opened.run("explorer.go(arguments[0])", step)
        forwards.append(opened.run(STATE))
    assert len(set(forwards)) == len(forwards)
    for step in reversed(range(len(forwards))):
        opened.run("explorer.go(arguments[0])", step)
        assert opened.run(STATE) == forwards[step]


def test_keys_walk_through_the_steps(opened):
    press(opened, Keys.HOME)
    assert opened.text("count").startswith("0 /")
    press(opened, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert opened.text("count").startswith("2 /")
    press(opened, Keys.END)
    assert opened.run("return document.getElementById('time').value") == str(opened.run("return explorer.steps"))
    press(opened, " ")
    assert opened.text("play") == "pause"
    press(opened, " ")
    assert opened.text("play") == "play"


def test_everything_can_be_reached_and_used_by_keys_alone(opened):
    reached = set()
    for _ in range(60):
        press(opened, Keys.TAB)
        reached.add(
            opened.run(
                "const a = document.activeElement; return a.id || a.textContent.trim().slice(0, 20) || a.tagName"
            )
        )
    assert {"first", "back", "play", "time", "smaller", "fit", "n1"} <= reached
    opened.run("document.getElementById('n1').focus()")
    press(opened, Keys.ENTER)
    assert "a leaf: " in opened.text("about")
    press(opened, Keys.ESCAPE)
    assert "Choose a box" in opened.text("about")


def test_the_chain_rule_in_words_symbols_and_numbers(opened):
    said = []
    for step in range(opened.run("return explorer.steps") + 1):
        opened.run("explorer.go(arguments[0])", step)
        said.append(opened.run("return document.getElementById('step').innerText"))
    whole = "\n".join(said)
    assert "v1 = w · x" in whole
    assert "∂L/∂L = 1" in whole
    assert "The gradient that arrives at v3, times the slope of v3 by v2" in whole
    assert "∂L/∂v2 += ∂L/∂v3 · (1 - v3²)" in whole
    assert "-2.724 · 0.7864 = -2.142" in whole
    assert "so far ∂L/∂w = -1.071" in whole


def test_gradients_accumulate_step_by_step(page, tmp_path):
    page.open(explore(lambda x: x * x + x * 3.0, tmp_path / "page.html", at=[2.0]))
    shown = []
    for step in range(page.run("return explorer.steps") + 1):
        page.run("explorer.go(arguments[0])", step)
        shown.append(page.run("return document.querySelector('.leaf text.grad').textContent"))
    assert list(dict.fromkeys(shown)) in (["–", "3", "5", "7"], ["–", "2", "4", "7"])


def test_sliders_and_fields_move_everything(opened):
    field = opened.driver.find_element("css selector", "input[aria-label='w, number']")
    field.clear()
    field.send_keys("3")
    expected = [Value(x) for x in (3.0, 0.5, -1.5, 0.9)]
    y = loss(*expected)
    y.backward()
    assert opened.run("return explorer.value('L')") == pytest.approx(y.data, rel=1e-13)
    assert opened.run("return explorer.gradient('x')") == pytest.approx(expected[1].grad, rel=1e-13)
    shown = opened.run("return document.querySelector('.result text.data').textContent")
    assert shown == f"{y.data:.4g}"
    slider = opened.driver.find_element("css selector", "input[aria-label='w, slider']")
    assert float(slider.get_attribute("value")) == 3.0
    slider.send_keys(Keys.ARROW_RIGHT)
    assert opened.run("return explorer.value('w')") > 3.0
    field.clear()
    field.send_keys("nonsense")
    assert field.get_attribute("aria-invalid") == "true"
    opened.click("reset")
    assert opened.run("return explorer.value('w')") == 2.0


def test_gradient_descent_goes_down_and_never_out_of_the_domain(page, tmp_path):
    page.open(explore(lambda x: autograd.log(x) ** 2, tmp_path / "page.html", at=[3.0]))
    first = page.run("return explorer.value('L')")
    page.run("document.getElementById('rate').value = 0.3")
    page.click("down10")
    assert page.run("return explorer.value('L')") < 0.02 * first
    assert "10 steps" in page.text("fell")
    assert page.run("return document.querySelectorAll('#curve path').length") == 1
    page.click("reset")
    page.run("document.getElementById('rate').value = 100")
    page.click("down")
    assert "take a smaller rate" in page.text("fell")
    assert page.run("return explorer.value('x')") == 3.0


def test_stops(page, tmp_path):
    page.open(explore(lambda z, w: autograd.sqrt(z) * 2.0 + w * w, tmp_path / "page.html", at=[1.0, 5.0]))
    page.click("first")
    page.run("document.getElementById('where').value = 'bad'")
    page.click("run")
    assert page.text("stopped") == "No later step does that."
    page.run("explorer.set('z', 0)")
    page.click("run")
    assert "z has gradient inf" in page.text("stopped")
    page.click("first")
    page.run("document.getElementById('where').value = 'large'; document.getElementById('bound').value = 4")
    page.run("explorer.set('z', 1)")
    page.click("run")
    assert "w has gradient 5" in page.text("stopped")
    page.click("first")
    page.run("document.getElementById('where').value = 'reach'")
    page.run("const s = document.getElementById('leaf'); s.value = [...s.options].find(o => o.text === 'z').value")
    page.click("run")
    assert "z has gradient 1" in page.text("stopped")


def answer(page, x):
    """What the page says to an answer."""
    page.run("document.getElementById('answer').value = arguments[0]", str(x))
    page.run("document.getElementById('quiz').requestSubmit()")
    return page.text("verdict")


def mistakes_told(page):
    """Make the usual mistakes in one question, until one of them happens to be right, and then answer it; the words
    that told them.
    """
    arrow = page.run("return document.querySelector('.arrow.now').id")
    source, target, local, up = EDGES(page, arrow)
    so_far = float(page.text("told").split(" so far")[0].rsplit(" is ", 1)[1])
    found = set()
    for wrong, words in (
        (so_far + up, "multiplied by the slope"), (so_far + local, "slope of this operation alone"),
        (so_far - local * up, "the sign is not"), (local * up, "Gradients add up"), (so_far + 12345.0, "Not yet"),
    ):  # fmt: skip
        verdict = answer(page, wrong)
        if "Right" in verdict:
            return found
        if words in verdict:
            found.add(words)
    assert answer(page, so_far + local * up) == "Right.", (source, target)
    return found


def test_the_quiz_knows_right_answers_and_usual_mistakes(page, tmp_path):
    page.open(explore(lambda a, b: (a * b) * (a - 3.0 * b), tmp_path / "page.html", at=[2.0, 5.0]))
    page.run("document.getElementById('asking').checked = true")
    page.click("first")
    mistakes, right = set(), 0
    for _ in range(page.run("return explorer.steps")):
        page.click("next")
        if page.run("return document.getElementById('quiz').hidden"):
            continue
        before = page.text("count")
        page.click("next")
        assert page.text("count") == before  # it waits for the answer
        mistakes |= mistakes_told(page)
        right += 1
    assert right == len(page.run("return [...document.querySelectorAll('.line')]"))
    assert mistakes == {
        "multiplied by the slope",
        "slope of this operation alone",
        "the sign is not",
        "Gradients add up",
        "Not yet",
    }


def EDGES(page, arrow):  # noqa: N802  # a table, made from the page's own data
    data = json.loads(page.run("return document.getElementById('data').textContent"))
    source, target, parts = data["arrows"][int(arrow[1:])]
    [[node, place]] = parts
    slope = page.run("return explorer.slope(arguments[0], arguments[1])", node, place)
    return source, target, slope, page.run("return explorer.gradients()[arguments[0]]", node)


def test_a_box_tells_where_its_numbers_come_from_over_all_paths(page, tmp_path):
    def f(x):
        for _ in range(40):
            x = x + x * 0.01
        return x

    page.open(explore(f, tmp_path / "page.html", at=[1.0]))
    page.run("document.getElementById('n0').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert f"all {2**40:,} paths" in page.text("about")
    assert page.run("return document.querySelectorAll('.box.on').length") == page.run(
        "return document.querySelectorAll('.box').length"
    )


HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u2028 \u2029", "NaN", "v1", "@@DATA@@",
    "${1}", "a&b<c>", '"quoted"', "]]>", "<!--", "\\u003c", "javascript:alert(1)",
]  # fmt: skip


def test_hostile_labels_are_inert(page, tmp_path):
    xs = [Value(1.0 + i, label) for i, label in enumerate(HOSTILE)]
    y = autograd.sum([x * (i + 1.0) for i, x in enumerate(xs)])
    page.open(explore(y, tmp_path / "page.html", title="<b>title</b></title><script>alert(1)</script>"))
    assert page.run("return document.scripts.length") == 3
    assert page.run("return document.images.length") == 0
    assert page.run("return explorer.names").count("NaN") == 1
    assert page.run("return document.querySelector('h1').textContent").startswith("<b>title</b>")
    for i, label in enumerate(HOSTILE):
        assert page.run("return explorer.gradient(arguments[0])", label) == i + 1.0
    page.run(CLICK_ALL)
    assert page.run("return document.images.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(opened, scheme):
    opened.scheme(scheme)
    opened.run("for (const d of document.querySelectorAll('details')) d.open = true")
    opened.run("explorer.go(8)")
    opened.run(AXE_FILE_PATH.read_text(encoding="utf-8"))
    found = opened.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    serious = [
        (v["id"], [node["html"][:200] + node.get("failureSummary", "") for node in v["nodes"][:3]])
        for v in found["violations"] if v["impact"] in ("serious", "critical")
    ]  # fmt: skip
    assert serious == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (700, 450), (320, 640)])
def test_narrow_windows_and_large_zoom_need_no_sideways_scrolling(page, tmp_path, width, height):
    page.size(width, height)
    for y in (neuron(), network()):
        page.open(explore(y, tmp_path / "page.html"))
        page.run("for (const d of document.querySelectorAll('details')) d.open = true")
        assert page.run("return document.documentElement.scrollWidth") <= width
        for name in ("first", "next", "play", "time"):
            box = page.run(
                f"const r = document.getElementById('{name}').getBoundingClientRect(); return [r.left, r.right]"
            )
            assert box[0] >= 0
            assert box[1] <= width


def test_nothing_moves_while_it_plays(opened):
    opened.run(
        "window.shifts = 0;"
        "new PerformanceObserver(list => { for (const e of list.getEntries()) window.shifts += e.value })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    for step in range(opened.run("return explorer.steps") + 1):
        opened.run("explorer.go(arguments[0])", step)
        opened.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert opened.run("return window.shifts") < 0.02


def test_printed_it_shows_the_whole_graph_and_no_buttons(opened):
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert opened.run("return getComputedStyle(document.querySelector('.bar')).display") == "none"
    assert opened.run("return getComputedStyle(document.getElementById('graph')).overflow") == "visible"
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_every_kind_of_graph_opens_without_an_error(page, tmp_path):
    for name, y in kinds().items():
        page.open(explore(y, tmp_path / "page.html"))
        for step in {0, 1, page.run("return explorer.steps") // 2, page.run("return explorer.steps")}:
            page.run("explorer.go(arguments[0])", step)
        page.run(CLICK_ALL)
        assert page.errors() == [], name


def test_nothing_is_asked_of_the_network(opened):
    assert opened.run("return performance.getEntriesByType('resource').length") == 0
    policy = opened.run("return document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    refused = opened.driver.execute_async_script(
        "const done = arguments[0]; fetch('http://localhost:9/').then(() => done(false), () => done(true))"
    )
    assert refused
    opened.errors()


def test_in_a_notebook_it_runs_in_a_frame_of_its_own(page, tmp_path):
    file = tmp_path / "notebook.html"
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{explore(neuron())._repr_html_()}", encoding="utf-8")
    page.open(file)
    page.driver.switch_to.frame(page.driver.find_element("tag name", "iframe"))
    assert page.run("return explorer.value('y')") == pytest.approx(-0.46211715726)
    page.run("document.getElementById('asking').checked = true; explorer.go(0)")
    while page.run("return document.getElementById('quiz').hidden"):
        page.click("next")
    page.run("document.getElementById('answer').value = '1e9'; document.querySelector('#quiz button').click()")
    assert page.text("verdict")
    page.driver.switch_to.default_content()


def test_comparisons_of_what_does_not_lead_to_the_result_are_known(page, tmp_path):
    page.open(explore(lambda x, y: x * 2 if x - y > 0 else y * 3, tmp_path / "page.html", at=[2.0, 1.0]))
    assert "made 1 comparison;" in page.text("leaves")
    page.run("explorer.set('x', 0)")
    assert "Python asked whether" in page.text("alert")
    page.run("explorer.set('x', 3)")
    assert page.text("alert") == ""


def test_the_quiz_takes_infinity_for_what_it_is(page, tmp_path):
    page.open(explore(lambda z: autograd.sqrt(z) * 2.0, tmp_path / "page.html", at=[0.0]))
    page.run("document.getElementById('asking').checked = true; explorer.go(3)")
    for _ in range(2):
        page.click("next")
        if "∂L/∂z is" in page.text("told"):
            break
        page.click("give")
    for answer, verdict in (("2", False), ("-inf", False), ("inf", True)):
        page.run("document.getElementById('answer').value = arguments[0]", answer)
        page.run("document.getElementById('quiz').requestSubmit()")
        assert ("Right" in page.text("verdict")) == verdict, answer


FORMULAS = [
    (lambda c, a, b: autograd.where(c, a, b), [1.0, 5.0, 7.0], "L = a if c, else b"),
    (lambda x: autograd.where(x > 0, x, 2.0), [0.5], "L = x if 1, else 2"),
    (lambda a, b, c, d: autograd.dot([a, b], [c, d]), [1.0, 2.0, 3.0, 4.0], "L = a·c + b·d"),
    (lambda q: autograd.sqrt(q), [2.0], "(1 / (2·L))"), (lambda q: autograd.cbrt(q), [2.0], "(1 / (3·L²))"),
    (lambda w: autograd.leaky_relu(w, 0.3), [-2.0], "L = w if w > 0, else 0.3 · w"),
    (lambda a, b, c: autograd.logsumexp([a, b, c]), [1.0, 2.0, 3.0], "L = logsumexp(a, b, c)"),
    (lambda a, b, c: a + b + c, [1.0, 2.0, 3.0], "L = a + b + c"),
]  # fmt: skip


def test_formulas_have_names_in_the_right_places(page, tmp_path):
    def told(y, **options):
        page.open(explore(y, tmp_path / "page.html", **options))
        said = []
        for step in range(page.run("return explorer.steps")):
            page.run("explorer.go(arguments[0])", step)
            said.append(page.run("return document.getElementById('step').innerText"))
        return "\n".join(said)

    for f, at, words in FORMULAS:
        assert words in told(f, at=at), words
    assert "L = (a + b) · y" in told(Value(1.0, "a + b") * Value(2.0, "y"))


def test_descent_tells_what_happened(page, tmp_path):
    page.open(explore(lambda x: x * x, tmp_path / "page.html", at=[1.0]))
    page.click("down")
    page.run("explorer.set('x', 10)")
    page.click("down")
    assert page.text("fell") == "1 step: 100 → 64."
    page.open(explore(lambda z: autograd.atan(autograd.cbrt(z)), tmp_path / "page.html", at=[0.0]))
    page.click("down")
    assert "z would be -inf" in page.text("fell")
    assert page.run("return explorer.value('z')") == 0.0


def test_stops_inside_groups(page, tmp_path):
    ws = [Value(1.0 + (i == 20) * 1e6, f"w{i}") for i in range(40)]
    xs = [Value(float(i), f"x{i}") for i in range(40)]
    page.open(explore(autograd.dot(ws, xs), tmp_path / "page.html"))
    page.click("first")
    page.run("document.getElementById('where').value = 'large'; document.getElementById('bound').value = 1000")
    page.click("run")
    assert "x20 has gradient 1e6" in page.text("stopped")


def test_numbers_are_written_as_python_writes_them(page, tmp_path):
    xs = [12345.0, 1.0625, 0.00012345, 1e-7, 123456.0, 99995.0, 99985.0, -2.5, 0.1, 1e300, -0.00015625, 2.0**-1074, 1.5]
    page.open(explore(autograd.sum([Value(x, f"x{i}") for i, x in enumerate(xs)]), tmp_path / "page.html"))
    shown = page.run(
        "const of = (g, what) => g.querySelector(what).textContent;"
        "return [...document.querySelectorAll('.leaf')].map(g => [of(g, '.label'), of(g, 'text.data')])"
    )
    from visualize.style import number

    for label, text in shown:
        assert text == number(xs[int(label[1:])], 4), label


def test_a_gradient_that_arrives_from_outside_is_that_of_something_outside(page, tmp_path):
    w, x = Value(2.0, "w"), Value(0.5, "x")
    y = tanh(w * x)
    y.label = "unit"
    slope = 1.0 - y.data**2
    page.open(explore(y, tmp_path / "page.html", seed=-1.5))
    steps = page.run("return explorer.steps")
    told = [
        page.run("explorer.go(arguments[0]); return document.getElementById('told').textContent", k)
        for k in range(steps)
    ]
    assert any("∂loss/∂unit = -1.5" in text for text in told)
    assert any("∂loss/∂w += ∂loss/∂v1" in text for text in told)
    assert not any("∂unit/∂w" in text for text in told)
    page.run(
        "explorer.go(explorer.steps);"
        "document.querySelector('.box.leaf').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    about = page.text("about")
    assert f"{-1.5 * slope * 0.5:.4g}" in about.replace("−", "-")
    assert "· (-1.5) = -0.315" in about


def test_the_name_of_what_is_outside_is_free(page, tmp_path):
    y = Value(2.0, "loss") * 3.0
    page.open(explore(y, tmp_path / "page.html", seed=2.0))
    page.run("explorer.go(3)")
    assert "∂(loss′)/∂loss" in page.text("told")
