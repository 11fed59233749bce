"""How releases of charts are read from what delivers them."""

from __future__ import annotations

import pytest

from skills.core.enforce.delivery import Release, read
from skills.core.yaml_text import read_documents

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: net}
spec:
  destination: {namespace: shop}
  source: {path: charts/net, helm: {valueFiles: [FILES]}}
"""


@pytest.mark.parametrize(
    ("listed", "files", "unknown"),
    [
        ("prod.yaml", ("charts/net/prod.yaml",), ""),
        ("$values/net.yaml, prod.yaml", ("charts/net/prod.yaml",), "valueFiles"),
        ("$values/net.yaml", (), "valueFiles"),
        ("", (), ""),
    ],
)
def test_values_files_of_another_source_are_not_known(listed: str, files: tuple[str, ...], unknown: str) -> None:
    (document,) = read_documents("app.yaml", APPLICATION.replace("FILES", listed))[0]
    (release,) = read(document)
    assert isinstance(release, Release)
    assert (release.namespace, release.files, release.unknown) == ("shop", files, unknown)
