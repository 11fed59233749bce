"""Every REST call to GitLab, once: plain values in and out, failures as the four that a person can mend.

python-gitlab has no time limit of its own, sleeps through rate limits in the calling thread and, when told to retry,
repeats work that was done. So it is told to do none of that. Reads are repeated here; writes only where GitLab says
that it has not begun (429). After a write that may or may not have been done, the caller looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from bot.world.gitlab.failures import UNREADABLE, kind, said
from skills.core.errors import Mendable, NotAllowed, Unreachable

if TYPE_CHECKING:
    import requests
    from gitlab import Gitlab

T = TypeVar("T")
_TIMEOUT, _AT_A_CLICK = 20.0, 4.0
_TRIES = 3
_LONGEST_WAIT = 10.0
_UNSAID_WAIT = 60  # seconds, where a rate limit does not say how long
_LOG_KEPT, _LOG_MOST = 16_384, 33_554_432  # bytes of a job's log: kept of its end, read at most


class Unsure(Exception):
    """A write that may have been done: the connection broke, or GitLab failed, after it was sent."""


class Refused(Exception):
    """GitLab understood and said no: 400, 405, 406, 409 or 422, in its own words."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(status, says)
        self.status = status
        self.says = says


@dataclass(frozen=True, slots=True)
class Project:
    """Where the merge requests live. `path` is the project's full path, `token` has the scope `api`."""

    url: str
    path: str
    token: str = field(repr=False)
    ca: str | None = None


class Calls:
    """The calls for one project. `session` is there for tests that look at what is sent."""

    def __init__(
        self,
        project: Project,
        session: requests.Session | None = None,
        pause: Callable[[float], None] = time.sleep,
        timeout: float = _TIMEOUT,
    ) -> None:
        """`timeout` are the seconds without a byte after which a call is given up."""
        self._project = project
        self._timeout = timeout
        self._pause = pause
        self._session = session
        self._client: Gitlab | None = None
        self._me: int | None = None
        self._wait_asked = _UNSAID_WAIT

    # --- merge requests

    def of_branch(self, branch: str) -> list[dict[str, Any]]:
        """Merge requests of the project's own branch, newest first, in any state."""
        found = self._read("merge_requests", source_branch=branch, state="all", scope="all")
        own = [each for each in found if each["source_project_id"] == each["target_project_id"]]
        return sorted(own, key=lambda each: each["iid"], reverse=True)

    def own_open(self, below: str) -> list[dict[str, Any]]:
        """What Postern's own user (who has no fork) has open here, from branches that begin with `below`."""
        found = self._read("merge_requests", state="opened", scope="all", author_id=self.me())
        return [each for each in found if each["source_branch"].startswith(below)]

    def merge_request(self, number: int) -> dict[str, Any] | None:
        return self._read_one(f"merge_requests/{number}")

    def create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._write("post", "merge_requests", fields)

    def update(self, number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Repeated like a read: the same fields give the same merge request."""
        return self._write("put", f"merge_requests/{number}", fields, repeat=True)

    def merge(self, number: int, head: str, message: str, *, keep_branch: bool = False) -> dict[str, Any]:
        """Whether it is squashed is a matter of the merge request, where people may change it."""
        fields = {"sha": head, "merge_commit_message": message, "should_remove_source_branch": not keep_branch}
        return self._write("put", f"merge_requests/{number}/merge", fields)

    def notes(self, number: int) -> list[dict[str, Any]]:
        """What Postern's own user wrote: words of others are never read as a mark."""
        return self._own(self._read(f"merge_requests/{number}/notes", sort="asc", order_by="created_at"))

    def remarks(self, number: int) -> list[dict[str, Any]]:
        """What people wrote for all to read: no note of Postern's own user, of GitLab itself, or for members only."""
        found = self._read(f"merge_requests/{number}/notes", sort="asc", order_by="created_at")
        hidden = ("system", "internal", "confidential")
        return [each for each in found if each["author"]["id"] != self.me() and not any(map(each.get, hidden))]

    def approved_by(self, number: int) -> tuple[str, ...] | None:
        """Who approved in GitLab, but for Postern's own user; None where GitLab does not say (edition, or rights)."""
        found = self._approvals(number)
        return None if found is None else tuple(each["username"] for each in found if each["id"] != self.me())

    def has_approved(self, number: int) -> bool:
        """Whether Postern's own user did."""
        return any(each["id"] == self.me() for each in self._approvals(number) or ())

    def approve(self, number: int, head: str) -> None:
        """As Postern's own user, exactly `head`: 409 where the branch stands elsewhere."""
        self._write("post", f"merge_requests/{number}/approve", {"sha": head})

    def _approvals(self, number: int) -> list[dict[str, Any]] | None:
        try:
            found = self._read_one(f"merge_requests/{number}/approvals")
        except NotAllowed as failure:
            if failure.code != "EGR491":
                raise
            return None
        return None if found is None else [each["user"] for each in found.get("approved_by") or ()]

    def label_events(self, number: int) -> list[dict[str, Any]]:
        """Labels put on and taken off, by whoever."""
        return self._read(f"merge_requests/{number}/resource_label_events")

    def brought(self, commit: str) -> list[dict[str, Any]]:
        """The merge requests that brought a commit, of whoever."""
        return self._read(f"repository/commits/{commit}/merge_requests")

    def has_branch(self, name: str) -> bool:
        from gitlab.utils import EncodedId  # noqa: PLC0415

        return self._read_one(f"repository/branches/{EncodedId(name)}") is not None

    def failed_jobs(self, pipeline: int) -> list[dict[str, Any]]:
        return self._read(f"pipelines/{pipeline}/jobs", scope="failed")

    def end_of_log(self, job: int) -> str:
        """The last kilobytes of what a job wrote; empty for a log that is too long to be read through."""
        return self._call(lambda: self._tail(self._at(f"jobs/{job}/trace")), repeat=True)

    def _tail(self, path: str) -> str:
        response = self._gitlab().http_request("get", path, streamed=True, **_ONCE)
        kept, length = b"", 0
        try:
            for piece in response.iter_content(65_536):
                kept, length = (kept + piece)[-_LOG_KEPT:], length + len(piece)
                if length > _LOG_MOST:
                    return ""
        finally:
            response.close()
        return kept.decode("utf-8", "replace")

    def deployments(self, commit: str) -> list[dict[str, Any]]:
        """The newest hundred deployments of any environment, as far as they are of this commit."""
        found = self._look(lambda: self._page("deployments", order_by="id", sort="desc"))
        return [each for each in found if each.get("sha") == commit]

    def statuses(self, commit: str) -> list[dict[str, Any]]:
        """The newest status of each name at a commit: of jobs, and of whoever else reports there."""
        return self._read(f"repository/commits/{commit}/statuses")

    def last_pipeline(self, commit: str) -> dict[str, Any] | None:
        found = self._read_one(f"repository/commits/{commit}")
        return found.get("last_pipeline") if found else None

    def add_note(self, number: int, text: str) -> None:
        self._write("post", f"merge_requests/{number}/notes", {"body": text})

    # --- issues

    def of(self, path: str) -> Calls:
        """The calls for another project of the same GitLab, with the same token."""
        project = Project(self._project.url, path, self._project.token, self._project.ca)
        return Calls(project, self._session, self._pause)

    def quick(self) -> Calls:
        """The same calls for what somebody waits for who has clicked."""
        return Calls(self._project, self._session, self._pause, _AT_A_CLICK)

    def issues(self, words: str) -> list[dict[str, Any]]:
        """Issues that Postern's own user opened and whose title or description has these words, in any state."""
        return self._own(self._read("issues", search=words, state="all", scope="all", **{"in": "title,description"}))

    def create_issue(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._write("post", "issues", fields)

    def update_issue(self, number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._write("put", f"issues/{number}", fields, repeat=True)

    def issue_notes(self, number: int) -> list[dict[str, Any]]:
        """As `notes`."""
        return self._own(self._read(f"issues/{number}/notes", sort="asc", order_by="created_at"))

    def add_issue_note(self, number: int, text: str) -> None:
        self._write("post", f"issues/{number}/notes", {"body": text})

    # --- people

    def member_ids(self, names: Collection[str]) -> list[int]:
        """Ids of the members with exactly these user names; others are left out."""
        if not names:
            return []
        wanted = {name.casefold() for name in names}
        members = self._read("members/all")
        return sorted(each["id"] for each in members if each["username"].casefold() in wanted)

    def of_all(self, path: str, most: int | None = None, **query: Any) -> list[dict[str, Any]]:
        """What GitLab lists beside the project, so many at most."""
        return self._look(lambda: self._listed(path, query, most))

    def member(self, user: int) -> dict[str, Any] | None:
        """A user as a member of the project, by whatever group; None for whoever is none."""
        return self._read_one(f"members/all/{user}")

    def me(self) -> int:
        if self._me is None:
            self._me = int(self.own_user()["id"])
        return self._me

    # --- Postern's own access

    @property
    def where(self) -> str:
        return self._project.url

    @property
    def project(self) -> str:
        return self._project.path

    def own_user(self) -> dict[str, Any]:
        return self._look(lambda: self._get("/user"))

    def own_token(self) -> dict[str, Any]:
        """The token as GitLab knows it: scopes, expires_at, active."""
        return self._look(lambda: self._get("/personal_access_tokens/self"))

    def own_level(self) -> int | None:
        """The access level in the project, by whatever group it comes; None: no member."""
        found = self.member(self.me())
        return int(found["access_level"]) if found else None

    # --- how

    def _own(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in found if each["author"]["id"] == self.me()]

    def _read(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All pages."""
        return self._look(lambda: self._list(path, query))

    def _list(self, path: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._listed(self._at(path), query)

    def _listed(self, path: str, query: Mapping[str, Any], most: int | None = None) -> list[dict[str, Any]]:
        """Page after page, until there are `most`."""
        try:
            found = self._gitlab().http_list(path, query_data=dict(query), per_page=100, iterator=True, **_ONCE)
            return [_object(each) for each in islice(found, most)]
        except (TypeError, KeyError):  # JSON, and no list
            raise Unsure(UNREADABLE) from None

    def _page(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The first page alone."""
        found = self._gitlab().http_list(self._at(path), query_data=query, per_page=100, page=1, get_all=False, **_ONCE)
        return [_object(each) for each in found]

    def _read_one(self, path: str) -> dict[str, Any] | None:
        """None where GitLab has nothing of that name in this project."""
        try:
            return self._look(lambda: self._get(self._at(path)))
        except NotAllowed as failure:
            if failure.code != "EGR492":
                raise
            return None

    def _look(self, call: Callable[[], T]) -> T:
        """A call that changes nothing, so that a refusal is not about work that was asked for."""
        try:
            return self._call(call, repeat=True)
        except Refused as refusal:
            facts = {"where": self.where, "branch": self.project, "says": refusal.says}
            raise NotAllowed("EGR494", **facts) from None

    def _get(self, path: str) -> dict[str, Any]:
        return _object(self._gitlab().http_get(path, **_ONCE))

    def _write(self, verb: str, path: str, fields: Mapping[str, Any], *, repeat: bool = False) -> dict[str, Any]:
        return self._call(
            lambda: _object(self._gitlab().http_request(verb, self._at(path), post_data=dict(fields), **_ONCE).json()),
            repeat=repeat,
        )

    def _call(self, call: Callable[[], T], *, repeat: bool) -> T:
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._once(call)
            except (Unsure, Unreachable) as failure:
                if not repeat and isinstance(failure, Unsure):
                    raise
                wait = _wait(failure, _TRIES - left)
                if left == 0 or wait > _LONGEST_WAIT:
                    raise self._silent(failure) from None
                self._pause(wait)
        raise AssertionError("unreachable")

    def _silent(self, failure: Exception) -> Mendable:
        if isinstance(failure, Mendable):
            return failure
        return Unreachable("EGR489", where=self._project.url, says=str(failure))

    def _once(self, call: Callable[[], T]) -> T:
        from gitlab.exceptions import GitlabError, GitlabParsingError  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415

        try:
            return call()
        except GitlabParsingError:
            raise Unsure(UNREADABLE) from None
        except GitlabError as error:
            raise self._failure(error.response_code or 0, said(error.error_message)) from None
        except (RequestException, ValueError) as error:
            raise Unsure(kind(error)) from None

    def _failure(self, status: int, says: str) -> Exception:
        where = self._project.url
        if status == 401:
            return NotAllowed("EGR490", where=where)
        if status == 403:
            return NotAllowed("EGR491", where=where, says=says)
        if status == 404:
            return NotAllowed("EGR492", where=where, project=self._project.path)
        if status == 429:
            return Unreachable("EGR493", where=where, seconds=self._wait_asked)
        if status in (400, 405, 406, 409, 422):
            return Refused(status, says)
        return Unsure(f"status {status}" if status else says)

    def _at(self, path: str) -> str:
        from gitlab.utils import EncodedId  # noqa: PLC0415

        return f"/projects/{EncodedId(self._project.path)}/{path}"

    def _gitlab(self) -> Gitlab:
        if self._client is None:
            import gitlab  # noqa: PLC0415 - 70 ms; only what talks to GitLab pays it
            import requests  # noqa: PLC0415

            session = self._session or requests.Session()
            session.hooks["response"].append(self._look_at)
            self._client = gitlab.Gitlab(
                self._project.url,
                private_token=self._project.token,
                timeout=self._timeout,
                ssl_verify=self._project.ca or True,
                keep_base_url=True,
                session=session,
            )
        return self._client

    def _look_at(self, response: requests.Response, *_args: Any, **_named: Any) -> None:
        """python-gitlab's exceptions carry no headers. A reset time is not read, since clocks differ.

        A redirection is not followed: requests would hand the token to whatever server it names.
        """
        if response.is_redirect:
            from requests.exceptions import TooManyRedirects  # noqa: PLC0415

            raise TooManyRedirects
        if response.status_code == 429:
            said = response.headers.get("Retry-After", "")
            self._wait_asked = int(said) if said.isdecimal() else _UNSAID_WAIT


_ONCE: dict[str, Any] = {"obey_rate_limit": False, "retry_transient_errors": False, "max_retries": 0}


def _object(found: Any) -> dict[str, Any]:
    """A proxy's page, a cut answer or a list is no object of GitLab."""
    if not isinstance(found, dict):
        raise Unsure(UNREADABLE)
    return found


def _wait(failure: Exception, tried: int) -> float:
    if isinstance(failure, Unreachable) and failure.code == "EGR493":
        return float(failure.facts["seconds"] or 0)
    return 0.2 * float(3**tried)
