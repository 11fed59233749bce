"""What a person gave as the repository (`--config PATH_OR_URL`): a folder, a bare repository or a URL."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

import re2

from bot.world.config_repo.paths import shown
from bot.world.config_repo.values import Kind
from skills.core.errors import AskUnclear, Unreachable

_SCHEMES: Mapping[str, int | None] = {"file": None, "https": 443, "http": 80, "ssh": 22}
_SCP = re2.compile(r"([A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*):([^:/][^:]*|/[^:]+)")
_HOST = re2.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """`where` is the canonical name of the repository: one for all spellings, without credentials.

    `path` is the folder or the git directory; for a `file://` URL it is what the URL names. `url` is what Git is given.
    """

    kind: Kind
    where: str
    path: Path | None = None
    url: str | None = None
    authorization: str | None = field(default=None, repr=False)
    ca: str | None = None


def parse(asked: str, authorization: str | None = None) -> Address:
    """Tell what `asked` names. A path is looked at on disk, a URL is not called.

    Raises:
        AskUnclear: EGR548 not an address, EGR541 nothing there, EGR542 a file.
        Unreachable: EGR543 may not be read.
    """
    if not asked or len(asked) > _LONGEST or not asked.isprintable():
        raise AskUnclear("EGR548", where=shown(asked)[:100])
    if "://" in asked:
        return _url(asked, authorization)
    scp = _SCP.fullmatch(asked)
    if scp and not os.path.lexists(asked):
        return _url(f"ssh://{scp.group(1)}/{scp.group(2).lstrip('/')}", authorization)
    # Git takes `helper::address` for a program to run.
    if "::" in asked and not os.path.lexists(asked):
        raise AskUnclear("EGR548", where=shown(asked)[:100])
    return _path(Path(asked))


def _path(asked: Path) -> Address:
    try:
        path = asked.expanduser().resolve()
        there, folder = path.exists(), path.is_dir()
    except PermissionError:
        raise Unreachable("EGR543", where=shown(str(asked)), says="permission denied") from None
    except (OSError, RuntimeError):
        raise AskUnclear("EGR541", where=shown(str(asked))) from None
    if not there:
        raise AskUnclear("EGR541", where=shown(str(asked)))
    if not folder:
        raise AskUnclear("EGR542", where=shown(str(asked)))
    if not os.access(path, os.R_OK | os.X_OK):
        raise Unreachable("EGR543", where=shown(str(asked)), says="permission denied")
    if _is_git_dir(path):
        if path.name == ".git":
            return Address("folder", str(path.parent), path.parent)
        return Address("bare", str(path), path)
    return Address("folder", str(path), path)


def _is_git_dir(path: Path) -> bool:
    return (
        not (path / ".git").exists()
        and (path / "HEAD").is_file()
        and (path / "objects").is_dir()
        and (path / "refs").is_dir()
    )


def _url(asked: str, authorization: str | None) -> Address:
    unclear = AskUnclear("EGR548", where=shown(_bare_of_userinfo(asked))[:100])
    try:
        parts = urlsplit(asked)
        port = parts.port
    except ValueError:
        raise unclear from None
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES or parts.query or parts.fragment:
        raise unclear
    if scheme == "file":
        return _file_url(parts, unclear)
    host = (parts.hostname or "").lower().rstrip(".")
    if not _HOST.fullmatch(host) or not parts.path.strip("/"):
        raise unclear
    name = f"[{host}]" if ":" in host else host
    place = name if port in {None, _SCHEMES[scheme]} else f"{name}:{port}"
    # The user of an SSH address is no secret and part of where it leads; everything else before the @ is kept out.
    user = f"{quote(unquote(parts.username))}@" if scheme == "ssh" and parts.username else ""
    path = "/" + parts.path.strip("/")
    return Address(
        "url",
        where=f"{scheme}://{user}{place}{path.removesuffix('.git')}",
        url=f"{scheme}://{user}{place}{path}",
        authorization=(_basic(parts) or authorization) if scheme == "https" else None,
    )


def _file_url(parts: SplitResult, unclear: AskUnclear) -> Address:
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or not path.startswith("/") or not path.isprintable():
        raise unclear
    found = _path(Path(path))
    real = Path(path).resolve()
    return Address("url", where=f"file://{real}", path=found.path, url=f"file://{quote(str(real))}")


def _basic(parts: SplitResult) -> str | None:
    if parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _bare_of_userinfo(url: str) -> str:
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
