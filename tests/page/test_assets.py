"""What is shipped was built from the sources that stand in page/."""

from __future__ import annotations

import hashlib
import json

import pytest

from bot.web.playground.page import ASSETS
from tests.shared import ROOT

PAGE = ROOT / "page"


def test_the_bundles_are_those_of_the_sources() -> None:
    """If this fails: `make page`."""
    built = json.loads((ASSETS / "SOURCES.json").read_text(encoding="utf-8"))
    sources = [*sorted((PAGE / "src").iterdir()), *(each for each in sorted(PAGE.iterdir()) if each.is_file())]
    here = {each.relative_to(PAGE).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest() for each in sources}
    assert here == built


def test_every_bundled_package_stands_with_its_licence() -> None:
    said = (ASSETS / "LICENCES.txt").read_text(encoding="utf-8")
    for name in ("react", "react-dom", "slack-blocks-to-jsx", "mermaid", "dompurify"):
        assert f"\n{name} " in said


@pytest.mark.parametrize("name", ["page.js", "page.css", "diagram.js", "index.html"])
def test_the_page_names_no_place_that_it_could_load_from(name: str) -> None:
    """Addresses in the bundles are words (a namespace, a help page in an error); none stands where something is loaded."""
    text = (ASSETS / name).read_text(encoding="utf-8")
    assert not any(f'{start}"http' in text for start in ("src=", "href=", "import(", "import ", "fetch("))
    assert "url(http" not in text
