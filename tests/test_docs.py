"""The pages that are made from the tables are up to date."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_of_primitives_is_made_from_the_table():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert tables.PAGE.read_text(encoding="utf-8") == tables.page(), "run python docs/tables.py"


def test_every_picture_and_page_that_the_readme_names_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    local = [link for link in links if "://" not in link]
    assert local
    for link in local:
        assert (ROOT / link).exists(), link
