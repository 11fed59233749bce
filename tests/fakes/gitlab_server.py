"""A small GitLab on loopback: merge requests that live, on a real repository behind git's own `git http-backend`.

TLS and tokens as on a real one. Answers have the fields that python-gitlab's recorded samples have; states move:
a push moves the head of an open merge request, a merge makes a commit, a second merge request of a branch is refused
with 409. `faults` break calls on purpose.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.fakes.gitlab_issues import HelpDesk
from tests.fakes.gitlab_people import BOT, MEMBERS, People

TOKEN = "made-up-token-of-the-tests"
PROJECT = "platform/allowlist"


@dataclass
class Fault:
    """Breaks the next `times` calls that match, REST and Git alike, after `skip` of them have passed.

    `status` is answered with `message`, or the connection is reset (status 0). `after` says that the work is done before
    it breaks. `hang` are seconds without an answer; `late` does the work only at the end of them. `mangle` spoils the
    right answer instead: it gets the body and gives another one with its type. `then` is called at that moment; with
    status -1 the answer is the right one all the same.
    """

    method: str
    path: str
    status: int
    after: bool = False
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    message: Any = "as the test wants it"
    skip: int = 0
    hang: float = 0
    late: bool = False
    mangle: Callable[[bytes], tuple[bytes, str]] | None = None
    then: Callable[[], object] | None = None


class GitLab(People):
    """State and server. `repository` is a bare repository; `url` the server, `clone` what Git is given."""

    def __init__(self, repository: Path, path: str = PROJECT) -> None:
        super().__init__()
        self.repository = repository
        self.path = path
        self.others: dict[str, GitLab] = {}  # further projects of the same server, by their path
        self.merge_requests: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, list[dict[str, Any]]] = {}
        self.faults: list[Fault] = []
        self.desks: dict[str, HelpDesk] = {}  # projects with nothing but issues
        self.calls: list[str] = []
        self.git_calls: list[str] = []
        self.statuses: list[str] = []  # `detailed_merge_status` of the next looks, before `mergeable`
        self.token: dict[str, Any] = {"name": "postern", "scopes": ["api"], "active": True, "expires_at": "2027-03-01"}
        self.level: int | None = 30  # of Postern's own user; None: no member
        self.members = list(MEMBERS)
        self.strangers: list[dict[str, Any]] = []  # users who are no members
        self.groups: dict[str, list[dict[str, Any]]] = {}  # members of groups, by path
        self.lock = threading.RLock()
        self.hanging = 0  # requests that hang; whether their work was done yet, nobody who asked can tell
        self.url = ""

    @property
    def clone(self) -> str:
        return f"{self.url}/{self.path}.git"

    def beside(self, repository: Path, path: str) -> GitLab:
        """One more project on this server."""
        made = self.others[path] = GitLab(repository, path)
        made.url = self.url
        return made

    def git(self, *args: str) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith("POSTERN_")}
        done = subprocess.run(["git", *args], cwd=self.repository, env=env, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def tip(self, branch: str) -> str | None:
        return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") or None

    def seen(self, number: int) -> dict[str, Any]:
        """The merge request as GitLab shows it now."""
        found = self.merge_requests[number]
        if found["state"] == "opened":
            found["sha"] = self.tip(found["source_branch"]) or found["sha"]
            found["detailed_merge_status"] = self.statuses.pop(0) if self.statuses else "mergeable"
        return found

    def branch(self, method: str, name: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if method == "POST":
            name = query["branch"][0]
            self.git("update-ref", f"refs/heads/{name}", self.tip(query["ref"][0]) or "")
        tip = self.tip(name)
        if tip is None:
            return 404, {"message": "404 Branch Not Found"}
        if method == "DELETE":
            self.git("update-ref", "-d", f"refs/heads/{name}")
        return 201 if method == "POST" else 200, {"name": name, "commit": {"id": tip}}

    def everybody(self) -> list[dict[str, Any]]:
        """Users as GitLab shows them; members have an access level."""
        members = [{"state": "active", "access_level": 30, **each} for each in self.members]
        return members + [{"state": "active", **each} for each in self.strangers]

    def users(self, ids: Collection[int]) -> list[dict[str, Any]]:
        return [each for each in self.members if each["id"] in ids]

    # --- what the API does; each gives status and body

    def create(self, given: dict[str, Any]) -> tuple[int, Any]:
        source, target = given["source_branch"], given["target_branch"]
        if self.tip(source) is None or self.tip(target) is None:
            return 400, {"message": {"base": ["Source branch or target branch does not exist"]}}
        for found in self.merge_requests.values():
            if found["state"] == "opened" and found["source_branch"] == source:
                says = f"Another open merge request already exists for this source branch: !{found['iid']}"
                return 409, {"message": [says]}
        number = len(self.merge_requests) + 1
        self.merge_requests[number] = {
            "id": 1000 + number,
            "iid": number,
            "project_id": 3,
            "source_project_id": 3,
            "target_project_id": 3,
            "title": given["title"],
            "description": given.get("description", ""),
            "state": "opened",
            "source_branch": source,
            "target_branch": target,
            "sha": self.tip(source),
            "labels": exclusive([label for label in given.get("labels", "").split(",") if label]),
            "reviewers": self.users(given.get("reviewer_ids", ())),
            "assignees": self.users(given.get("assignee_ids", ())),
            "squash": given.get("squash", False),
            "force_remove_source_branch": given.get("remove_source_branch", False),
            "author": BOT,
            "web_url": f"{self.url}/{self.path}/-/merge_requests/{number}",
            "merge_commit_sha": None,
            "squash_commit_sha": None,
            "merge_status": "can_be_merged",
            "head_pipeline": None,
            "merge_user": None,
            "closed_by": None,
        }
        self.notes[number] = []
        self.touch(number)
        return 201, self.seen(number)

    def update(self, number: int, given: dict[str, Any]) -> tuple[int, Any]:
        found = self.merge_requests[number]
        for name in ("title", "description", "target_branch"):
            found[name] = given.get(name, found[name])
        added = [label for label in given.get("add_labels", "").split(",") if label]
        removed = given.get("remove_labels", "").split(",")
        found["labels"] = [label for label in exclusive([*found["labels"], *added]) if label not in removed]
        for label in added:
            self.label_event(number, label, "add", BOT)
        if "reviewer_ids" in given:
            found["reviewers"] = self.users(given["reviewer_ids"])
        if given.get("state_event") == "close" and found["state"] == "opened":
            found.update(state="closed", closed_by=BOT)
        self.touch(number)
        return 200, self.seen(number)

    def merge(self, number: int, given: dict[str, Any]) -> tuple[int, Any]:
        found = self.seen(number)
        if found["state"] != "opened" or found["detailed_merge_status"] != "mergeable":
            return 405, {"message": "405 Method Not Allowed"}
        if given.get("sha") != found["sha"]:
            return 409, {"message": f"SHA does not match HEAD of source branch: {found['sha']}"}
        tip = self.tip(found["target_branch"])
        assert tip
        tree = self.git("merge-tree", "--write-tree", tip, found["sha"])
        if not tree:
            return 405, {"message": "Branch cannot be merged"}
        who = ["-c", "user.name=GitLab", "-c", "user.email=gitlab@gitlab.example"]
        message = given.get("merge_commit_message", "Merge")
        merged = self.git(*who, "commit-tree", tree.splitlines()[0], "-p", tip, "-p", found["sha"], "-m", message)
        self.git("update-ref", f"refs/heads/{found['target_branch']}", merged, tip)
        if given.get("should_remove_source_branch"):
            self.git("update-ref", "-d", f"refs/heads/{found['source_branch']}")
        found.update(state="merged", merge_commit_sha=merged, merge_user=BOT)
        self.touch(number)
        return 200, found

    def add_note(self, number: int, given: dict[str, Any], by: dict[str, Any] = BOT) -> tuple[int, Any]:
        at = f"2026-03-01T10:00:{len(self.notes[number]):02}Z"
        note = {
            "id": len(self.notes[number]) + 1,
            "body": given["body"],
            "author": by,
            "created_at": at,
            "system": False,
        }
        self.notes[number].append(note)
        self.touch(number)
        return 201, note

    def answer(self, method: str, path: str, query: dict[str, list[str]], given: dict[str, Any]) -> tuple[int, Any]:
        if path == "/api/v4/user":
            return 200, BOT
        if path == "/api/v4/personal_access_tokens/self":
            return 200, self.token
        if path == "/api/v4/users":
            return 200, [each for each in self.everybody() if each["username"] == query["username"][0]]
        if found := re.fullmatch(r"/api/v4/groups/([^/]+)/members/all", path):
            members = self.groups.get(unquote(found[1]))
            return (404, {"message": "404 Group Not Found"}) if members is None else (200, members)
        project, _, rest = path.removeprefix("/api/v4/projects/").partition("/")
        if unquote(project) in self.desks:
            return self.desks[unquote(project)].answer(method, rest, query, given, BOT)
        if unquote(project) in self.others:
            other = self.others[unquote(project)]
            return other.answer(method, path, query, given)
        if unquote(project) != self.path:
            return 404, {"message": "404 Project Not Found"}
        if rest.startswith("repository/branches"):
            return self.branch(method, unquote(rest.removeprefix("repository/branches").strip("/")), query)
        if rest == "members/all":
            return 200, self.members
        if rest == f"members/all/{BOT['id']}":
            own = {**BOT, "access_level": self.level}
            return (200, own) if self.level is not None else (404, {"message": "404 Not found"})
        if rest == "merge_requests" and method == "POST":
            return self.create(given)
        if rest == "merge_requests":
            wanted = {
                name: query[name][0] for name in ("source_branch", "state") if query.get(name, ["all"]) != ["all"]
            }
            rows = self.merge_requests.items()
            return 200, [self.seen(n) for n, each in rows if wanted.items() <= {**each}.items()]
        if found := re.fullmatch(r"members/all/(\d+)", rest):
            there = [each for each in self.everybody() if each["id"] == int(found[1]) and "access_level" in each]
            return (200, there[0]) if there else (404, {"message": "404 Not found"})
        life = self.show(method, rest, query)
        if life is not None:
            return life
        found = re.fullmatch(r"merge_requests/(\d+)(?:/(merge|notes|approve))?", rest)
        if not found or int(found[1]) not in self.merge_requests:
            return 404, {"message": "404 Not found"}
        return self._of_one(int(found[1]), found[2], method, given)

    def _of_one(self, number: int, what: str | None, method: str, given: dict[str, Any]) -> tuple[int, Any]:
        doing: dict[tuple[str, str | None], Callable[[], tuple[int, Any]]] = {
            ("GET", None): lambda: (200, self.seen(number)),
            ("PUT", None): lambda: self.update(number, given),
            ("PUT", "merge"): lambda: self.merge(number, given),
            ("POST", "approve"): lambda: self.approve_as_bot(number, given.get("sha", "")),
            ("GET", "notes"): lambda: (200, self.notes[number]),
            ("POST", "notes"): lambda: self.add_note(number, given),
        }
        if (method, what) not in doing:
            return 405, {"message": "405 Method Not Allowed"}
        return doing[method, what]()


def exclusive(labels: Collection[str]) -> list[str]:
    """As GitLab Premium keeps them: of one scope only the last (docs.gitlab.com/user/project/labels/#scoped-labels)."""
    last = {label.rpartition("::")[0] or label: label for label in labels}
    return [label for label in dict.fromkeys(labels) if last[label.rpartition("::")[0] or label] == label]


@contextmanager
def serving(repository: Path, certificate: tuple[Path, Path]) -> Iterator[GitLab]:
    """A running server; `certificate` is a chain and its key."""
    gitlab = GitLab(repository)

    class Handler(_Handler):
        server_state = gitlab

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    gitlab.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield gitlab
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes; the second would wait 40 ms for the first
    server_state: GitLab

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a test that fails shows its own words."""

    def _do(self) -> None:
        body = self._body()
        if urlsplit(self.path).path.startswith("/api/"):
            self._api(body)
        else:
            self._git(body)

    do_GET = do_POST = do_PUT = do_DELETE = _do

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    # --- REST

    def _api(self, body: bytes) -> None:
        gitlab, parts = self.server_state, urlsplit(self.path)
        if self.headers.get("PRIVATE-TOKEN") != TOKEN:
            return self._send(401, {"Content-Type": "application/json"}, b'{"message": "401 Unauthorized"}')
        given = json.loads(body) if body else {}
        gitlab.calls.append(f"{self.command} {parts.path.removeprefix('/api/v4')}")

        def work() -> tuple[int, dict[str, str], bytes]:
            with gitlab.lock:
                status, answer = gitlab.answer(self.command, parts.path, query, given)
            if isinstance(answer, bytes):
                return status, {"Content-Type": "text/plain"}, answer
            page, headers = _page(answer, gitlab.url, parts.path, query) if self.command == "GET" else (answer, {})
            return status, {"Content-Type": "application/json", **headers}, json.dumps(page).encode()

        query = parse_qs(parts.query)
        return self._answer(parts.path, work)

    def _answer(self, path: str, work: Callable[[], tuple[int, dict[str, str], bytes]]) -> None:
        """Does the work and gives its answer, or breaks as the test wants it."""
        fault = self._fault(path)
        if fault is None:
            return self._send(*work())
        done = work() if fault.after or fault.mangle else None
        if fault.then:
            fault.then()
        self.server_state.hanging += 1
        time.sleep(fault.hang)
        if fault.late or fault.status == -1:
            done = done or work()
        self.server_state.hanging -= 1
        if fault.mangle and done:
            out, kind = fault.mangle(done[2])
            return self._send(done[0], {"Content-Type": kind}, out)
        if fault.status == -1 and done:
            return self._send(*done)
        if fault.status == 0:
            return self._reset()
        out = json.dumps({"message": fault.message}).encode()
        return self._send(fault.status, {"Content-Type": "application/json", **fault.headers}, out)

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _fault(self, path: str) -> Fault | None:
        with self.server_state.lock:
            for fault in self.server_state.faults:
                if fault.times > 0 and re.fullmatch(fault.method, self.command) and re.search(fault.path, path):
                    fault.skip -= 1
                    if fault.skip < 0:
                        fault.times -= 1
                        return fault
        return None

    def _send(self, status: int, headers: dict[str, str], out: bytes) -> None:
        with suppress(OSError):  # who asked may have left
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)
            self.wfile.flush()

    # --- Git

    def _git(self, body: bytes) -> None:
        gitlab, parts = self.server_state, urlsplit(self.path)
        wanted = "Basic " + base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            headers = {"WWW-Authenticate": 'Basic realm="GitLab"'}
            return self._send(401, headers, b"HTTP Basic: Access denied\n")
        gitlab.git_calls.append(f"{self.command} {parts.path.rpartition('.git/')[2]}?{parts.query}")
        called, _, rest = parts.path.removeprefix("/").partition(".git/")
        gitlab = gitlab.others.get(called, gitlab)
        name = f"/{gitlab.repository.name}/{rest}"
        env = {
            "GIT_PROJECT_ROOT": str(gitlab.repository.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": name,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "oauth2",
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }

        def work() -> tuple[int, dict[str, str], bytes]:
            done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
            head, _, out = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            return int(fields.pop("Status", "200").split()[0]), fields, out

        return self._answer(parts.path, work)


def _page(answer: Any, url: str, path: str, query: dict[str, list[str]]) -> tuple[Any, dict[str, str]]:
    """One page of a list, and the link that leads to the next."""
    if not isinstance(answer, list):
        return answer, {}
    size, number = min(100, int(query.get("per_page", ["20"])[0])), int(query.get("page", ["1"])[0])
    headers = {"X-Page": str(number), "X-Per-Page": str(size), "X-Total": str(len(answer))}
    if number * size < len(answer):
        again = urlencode({**query, "page": [number + 1]}, doseq=True)
        headers |= {"X-Next-Page": str(number + 1), "Link": f'<{url}{path}?{again}>; rel="next"'}
    return answer[(number - 1) * size : number * size], headers


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    chain, key = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(["openssl", *words.split(), *names], check=True, capture_output=True)
    return chain, key
