"""DBOS, the durable engine: runs the workflow of an intent, keeps each step's result, and finds what a crash left.

The one file that knows DBOS. Its tables stand beside ours: in the same SQLite file, or in a schema of their own in the
same PostgreSQL database. It is never asked to wait for a person, and it opens no connection but to the database.

The shape of a workflow (its steps and their order) never changes, because workflows that are under way are continued
step by step: another shape gets another name (`carry_out_v2`), and the old one stays registered here until no workflow
of that name is left in the database.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID

SCHEMA = "postern_dbos"
VERSION = "1"
"""Pinned: a release that only changes code goes on with what the one before it left. Workflows have versioned names."""
_POLL = 0.1  # seconds between looks for what was taken over
_RAISED = "raised"
_OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Journal(Protocol):
    """The three steps. All that goes in and out is JSON."""

    def claim(self, key: str, holder: str) -> int | None: ...
    def perform(self, key: str) -> Mapping[str, Any]: ...
    def record(self, key: str, attempts: int, outcome: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Left:
    """A workflow that is under way: `executor` runs it, or did until it died."""

    id: str
    executor: str
    version: str


class _Json(Serializer):
    """Results are kept as JSON: people and later releases can read them, and nothing that is loaded runs."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=lambda error: {_RAISED: repr(error)})

    def deserialize(self, serialized_data: str) -> Any:
        data = json.loads(serialized_data)
        return RuntimeError(data[_RAISED]) if isinstance(data, dict) and _RAISED in data else data

    def name(self) -> str:
        return "json"


class Engine:
    """`repository` keeps apart what the services of several repositories run on one database."""

    def __init__(self, url: str, repository: str, executor: str, journal: Journal, *, version: str = VERSION) -> None:
        self._name = f"postern-{hashlib.sha256(repository.encode()).hexdigest()[:12]}"
        self._queue = f"{self._name}-taken-over"
        self.version = f"{self._name}-{version}"
        self.executor = executor
        self._config: DBOSConfig = {
            "name": self._name,
            "system_database_url": url,
            "dbos_system_schema": SCHEMA,
            "executor_id": executor,
            "application_version": self.version,
            "use_listen_notify": False,  # nothing here waits for a notification
            "log_level": "WARNING",
            "serializer": _Json(),
            "sys_db_pool_size": 8,
            # The connection that was used last still has the pages in its cache that it wrote; taken in turns, each
            # reads them anew, a hundred of them for five steps. A file needs no ping, which is a statement each time.
            "db_engine_kwargs": {"pool_use_lifo": True, "pool_pre_ping": not url.startswith("sqlite")},
            "scheduler_polling_interval_sec": 3600.0,
        }
        self._journal = journal
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self.ended: Callable[[], None] = lambda: None
        """Called whenever a workflow of this process ends."""

    def launch(self) -> None:
        """Starts the engine; creates or migrates its tables when needed."""
        log = logging.getLogger("dbos")
        if not log.handlers:
            log.addHandler(logging.NullHandler())  # or it would write to standard error by itself
        log.propagate = True
        DBOS(config=self._config)
        self._register()
        DBOS.launch()
        DBOS.register_queue(self._queue, polling_interval_sec=_POLL)

    def _register(self) -> None:
        """Registered workflows never change their shape; see above."""
        journal = self._journal

        @DBOS.step(name="claim")
        def claim(key: str, holder: str) -> int | None:
            return journal.claim(key, holder)

        @DBOS.step(name="perform")
        def perform(key: str) -> Mapping[str, Any]:
            return journal.perform(key)

        @DBOS.step(name="record")
        def record(key: str, attempts: int, outcome: Mapping[str, Any]) -> None:
            journal.record(key, attempts, outcome)

        @DBOS.workflow(name="carry_out_v1", max_recovery_attempts=None)
        def carry_out_v1(workflow: str, key: str) -> None:
            with self._counted(workflow):
                attempts = claim(key, workflow)
                if attempts is not None:
                    record(key, attempts, perform(key))

        self._carry_out = carry_out_v1

    @contextmanager
    def _counted(self, workflow: str) -> Iterator[None]:
        with self._lock:
            self._running.add(workflow)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(workflow)
            self.ended()

    @property
    def running(self) -> frozenset[str]:
        """The workflows that run in this process now."""
        with self._lock:
            return frozenset(self._running)

    def start(self, workflow: str, key: str) -> None:
        """Runs it in this process, unless a workflow of this name was ever started, by whomever."""
        with SetWorkflowID(workflow):
            DBOS.start_workflow(self._carry_out, workflow, key)

    def left(self) -> list[Left]:
        """The workflows under way that other processes run, or did until they died."""
        found = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        others = [each for each in found if each.executor_id != self.executor]
        return [Left(each.workflow_id, each.executor_id or "", each.app_version or "") for each in others]

    def resume(self, workflows: Sequence[str]) -> None:
        """They go on, here or at another replica, after the last step whose result is kept."""
        if workflows:
            DBOS.resume_workflows(list(workflows), queue_name=self._queue)

    def cancel(self, workflow: str) -> None:
        """Nobody takes it up any more; whoever runs it stops before its next step."""
        DBOS.cancel_workflow(workflow)

    def find(self, workflow: str) -> Left | None:
        """The workflow if anybody may still go on with it; None when it is over or was never started."""
        for each in DBOS.list_workflows(workflow_ids=[workflow], load_input=False, load_output=False):
            if each.status not in _OVER:
                return Left(each.workflow_id, each.executor_id or "", each.app_version or "")
        return None

    def forget(self, before: datetime, most: int = 500) -> int:
        """Removes what ended before then; gives how many there were. Their intents are over too and need no journal."""
        found = DBOS.list_workflows(
            status=list(_OVER), completed_before=before.isoformat(), limit=most, load_input=False, load_output=False
        )
        if found:
            DBOS.delete_workflows([each.workflow_id for each in found])
        return len(found)

    def close(self) -> None:
        """What still runs is left to others: its next step finds no engine."""
        DBOS.destroy(destroy_registry=True)
