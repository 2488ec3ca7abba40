"""The page of a large graph, in the browser."""

import pytest
from axe_core_python.base import AXE_FILE_PATH
from selenium.webdriver.common.keys import Keys

import autograd
import nn
from visualize import explore, roll_up


@pytest.fixture(scope="module")
def loss():
    model = nn.MLP(2, [8, 1], activation="relu", seed=1)
    points = [(0.1 * i, 0.3 - 0.05 * i) for i in range(80)]  # more nodes than a page computes with
    found = autograd.mean([nn.binary_cross_entropy(model(point), float(i % 2)) for i, point in enumerate(points)])
    found.backward()
    return found, model


@pytest.fixture
def opened(page, tmp_path, loss):
    value, model = loss
    return page.open(explore(value, tmp_path / "page.html", parameters=model, title="a step"))


def click(page, box):
    page.run(
        "document.getElementById(arguments[0]).dispatchEvent(new MouseEvent('click', {bubbles: true}))", box
    )  # fmt: skip


def test_a_click_opens_a_box_and_another_one_closes_it(opened, loss):
    assert opened.text("name") == "Open a box"
    for node in roll_up(loss[0], parameters=loss[1]).nodes:
        click(opened, node.id)
        assert opened.text("name") == f"{node.label} {node.symbol}".strip()
        assert f"{node.group.size:,} × " in opened.text("about")
        assert opened.run("return document.querySelectorAll('#inside svg .box').length") >= 1
        assert opened.run("return [...document.querySelectorAll('.chosen')].map(b => b.id)") == [node.id]
        click(opened, node.id)
        assert opened.text("name") == "Open a box"
        assert opened.run("return document.querySelectorAll('#inside svg').length") == 0


def test_other_nodes_of_a_box_are_a_click_away(opened, loss):
    (box,) = [node for node in roll_up(loss[0], parameters=loss[1]).nodes if node.label == "w⁰"]
    click(opened, box.id)
    names = opened.run("return [...document.querySelectorAll('#about button')].map(b => b.textContent)")
    assert names[:3] == ["largest gradient", "largest", "smallest"]
    for k in range(len(names)):
        opened.run("document.querySelectorAll('#about button')[arguments[0]].click()", k)
        pressed = opened.run("return [...document.querySelectorAll('#about button')].map(b => b.ariaPressed)")
        assert pressed == ["true" if i == k else "false" for i in range(len(names))]
        assert "gradient" in opened.text("inside")


def test_the_keyboard_is_enough(opened):
    opened.run("document.querySelector('.box').focus()")
    opened.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert opened.text("name") != "Open a box"
    opened.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert opened.text("name") == "Open a box"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, scheme):
    opened.scheme(scheme)
    click(opened, "c0")
    opened.run(AXE_FILE_PATH.read_text(encoding="utf-8"))
    found = opened.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [390, 1400])
def test_a_narrow_window_needs_no_sideways_scrolling(opened, width):
    opened.size(width, 844)
    click(opened, "c1")
    assert opened.run("return document.documentElement.scrollWidth") <= width
