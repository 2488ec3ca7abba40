"""A worksheet's page, on screen and on paper."""

import base64

import pytest

from visualize import worksheet

LONG = "tanh(w1*x1 + w2*x2 + b)*u1 + maximum(x1, x2)*log(1 + exp(x1))"


@pytest.fixture
def sheet(page, tmp_path):
    return page.open(worksheet(LONG, seed=3).save(tmp_path / "sheet.html", answers=True))


def shown(page):
    return page.run("return document.querySelector('.key li').checkVisibility()")


def test_answers_are_folded_away_on_screen_and_stand_on_paper(sheet):
    assert not shown(sheet)
    sheet.run("document.querySelector('summary').click()")
    assert shown(sheet)
    sheet.run("document.querySelector('summary').click()")
    sheet.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert shown(sheet)
    sheet.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("width", [360, 820, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(sheet, width, scheme):
    sheet.scheme(scheme)
    sheet.size(width, 900)
    assert sheet.run("return document.documentElement.scrollWidth") <= width
    assert sheet.run("return [...document.querySelectorAll('.blank')].every(b => b.getBoundingClientRect().width > 60)")


def test_it_prints_on_a_few_pages(sheet):
    printed = sheet.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    pages = base64.b64decode(printed).count(b"/Type /Page\n")
    assert pages == 3  # the sheet on two, the answers on one of their own
