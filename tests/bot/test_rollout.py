"""Whether a merge reached the clusters, as GitLab shows it: deployments, what Flux and Argo CD report, the pipeline."""

from __future__ import annotations

import pytest

from skills.core.model import Deployed
from tests.fakes.gitlab_server import Fault
from tests.shops import Shop

pytestmark = pytest.mark.needs("openssl")


def merged(shop: Shop) -> str:
    assert shop.decide("approve") == "merged"
    assert shop.row.commit
    return shop.row.commit


def test_deployments_of_the_commit_and_words_of_controllers_count(shop: Shop) -> None:
    commit = merged(shop)
    shop.gitlab.deployments = [
        {"id": 2, "sha": commit, "status": "success", "environment": {"name": "production"}},
        {"id": 1, "sha": "f" * 40, "status": "failed", "environment": {"name": "production"}},
    ]
    shop.gitlab.reported[commit] = [
        {"name": "kustomization/apps/0c9c2e41", "status": "running", "target_url": None},
        {"name": "lint", "status": "failed", "target_url": None},
    ]
    shop.gitlab.pipelines_of[commit] = {"id": 7, "status": "success", "web_url": "https://gitlab.example/7"}
    assert shop.app.forge.rollout(commit) == (
        Deployed("deployment to production", "success", deploys=True),
        Deployed("kustomization/apps/0c9c2e41", "running", deploys=True),
        Deployed("pipeline", "success", "https://gitlab.example/7"),
    )


def test_rolled_out_is_said_once_and_only_then(shop: Shop) -> None:
    commit = merged(shop)
    assert [found.code for found in shop.app.timers.run()] == ["EGR437"]
    assert shop.app.timers.run() == ()
    shop.gitlab.reported[commit] = [{"name": "kustomization/apps/0c9c2e41", "status": "success"}]
    assert [found.code for found in shop.app.timers.run()] == ["EGR082"]
    assert shop.row.state == "rolled_out"
    assert shop.app.timers.run() == ()
    assert "kustomization/apps" in shop.news[-1]


def test_a_failed_rollout_is_said_once(shop: Shop) -> None:
    commit = merged(shop)
    shop.app.timers.run()
    shop.gitlab.pipelines_of[commit] = {"id": 7, "status": "failed", "web_url": "https://gitlab.example/7"}
    assert [found.code for found in shop.app.timers.run()] == ["EGR083"]
    assert (shop.app.timers.run(), shop.row.state) == ((), "merged")


@pytest.mark.parametrize("status", [403, 404])
def test_what_the_token_may_not_read_is_left_out(shop: Shop, status: int) -> None:
    commit = merged(shop)
    shop.gitlab.faults.append(Fault("GET", "deployments", status, times=9))
    shop.gitlab.faults.append(Fault("GET", "statuses", status, times=9))
    shop.gitlab.pipelines_of[commit] = {"id": 7, "status": "running", "web_url": ""}
    assert shop.app.forge.rollout(commit) == (Deployed("pipeline", "running"),)


def test_a_silent_gitlab_keeps_no_timer_back(shop: Shop) -> None:
    merged(shop)
    shop.gitlab.faults.append(Fault("GET", "deployments", 503, times=99))
    assert [found.code for found in shop.app.timers.run()] == ["EGR437"]
    assert shop.app.timers.run() == ()
    assert shop.row.state == "merged"
