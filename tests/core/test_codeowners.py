"""CODEOWNERS as GitLab documents it; every example is one of its page's kinds of line."""

from __future__ import annotations

import pytest

from skills.core.codeowners import owners

FILE = """
# a comment
* @everyone
*.md @writers
/infra/ @platform @ops/network
\\#odd.yaml @odd
path\\ with\\ spaces/ @spaces

[Security][2] @security
/infra/egress/
/infra/egress/public.yaml @ines sam@x.example
!/infra/egress/generated.yaml

^[Optional]
README.md @@developer
/nobody.yaml
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.yaml", ["@everyone"]),
        ("deep/down/x.md", ["@writers"]),
        ("infra/a.yaml", ["@platform", "@ops/network"]),
        ("other/infra/a.yaml", ["@everyone"]),
        ("infra/egress/a.yaml", ["@platform", "@ops/network", "@security"]),
        ("infra/egress/public.yaml", ["@platform", "@ops/network", "@ines", "sam@x.example"]),
        ("infra/egress/generated.yaml", ["@platform", "@ops/network"]),
        ("#odd.yaml", ["@odd"]),
        ("path with spaces/x.yaml", ["@spaces"]),
        ("docs/README.md", ["@writers", "@@developer"]),
        ("nobody.yaml", ["@everyone"]),
    ],
)
def test_the_last_pattern_of_each_section_decides(path: str, expected: list[str]) -> None:
    assert owners({"CODEOWNERS": FILE}, [path]) == expected


def test_only_the_first_place_counts() -> None:
    texts = {"docs/CODEOWNERS": "* @docs", ".gitlab/CODEOWNERS": "* @gitlab"}
    assert owners(texts, ["a"]) == ["@docs"]
    assert owners({**texts, "CODEOWNERS": "# nothing"}, ["a"]) == []


def test_without_the_file_nobody_owns_anything() -> None:
    assert owners({}, ["a"]) == []


def test_owners_of_several_files_are_named_once() -> None:
    assert owners({"CODEOWNERS": FILE}, ["a.yaml", "b.yaml", "x.md"]) == ["@everyone", "@writers"]
