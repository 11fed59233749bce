"""Fixtures that several tests of the shell stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.gitlab_server import certificate
from tests.shops import Shop, shop_open


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of localhost and its key."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def shop(tmp_path: Path, chain: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Postern on a running GitLab, with one request that waits as !1."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    with shop_open(tmp_path, chain) as made:
        yield made
