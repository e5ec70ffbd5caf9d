"""The admin's jobs page: what it shows, a refresh out of turn, retry and delete."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from rq import Queue

from tests.admin.conftest import PASSWORD, log_in, post
from tests.conftest import AppFactory, SettingsFactory
from tests.support.tools import Child, environment, fail, newest_of, now_ms, wait_for
from tests.support.web_process import tick
from tracker.admin import job_status
from tracker.market.freshness import SourceHealth
from tracker.messaging import json_jobs
from tracker.messaging.job_queue import REFRESH, REFRESH_NOW_ID
from tracker.messaging.redis_client import connect
from tracker.messaging.refresh_stats import SourceCounts
from tracker.services import services
from worker import scheduler
from worker.jobs import refresh_prices


@pytest.fixture
def queue(app: Flask) -> Iterator[Queue]:
    with connect(services(app).settings) as redis:
        yield json_jobs.queue(redis, is_async=False)  # jobs fail at once


def act(client: FlaskClient, path: str) -> str:
    """Return the page that a change leads to."""
    return client.get(post(client, f"/admin/{path}").location).text


def test_a_refresh_is_queued_once_and_the_page_says_that_no_worker_is_alive(
    client: FlaskClient, queue: Queue
) -> None:
    assert "Queued; no worker is alive" in act(client, "refresh")
    assert queue.job_ids == [REFRESH_NOW_ID]
    assert "Not queued again: refresh_now waits" in act(client, "refresh")
    assert "Deleted." in act(client, f"jobs/{REFRESH_NOW_ID}/delete")
    assert queue.job_ids == []


def test_a_refresh_that_a_worker_would_skip_is_not_queued(
    app: Flask, client: FlaskClient, queue: Queue
) -> None:
    tick(app)
    assert "because a worker would skip it: the last attempt was" in act(client, "refresh")
    store = services(app).backend.store
    fail(store, "busy", at=now_ms() - 60_000, not_before=now_ms() + 9_000)
    assert "the source asked to wait 9 s more" in act(client, "refresh")
    assert queue.job_ids == []


def test_a_failed_job_is_shown_without_secrets_as_text_retried_and_deleted(
    client: FlaskClient, queue: Queue
) -> None:
    arguments = (PASSWORD, "<img id=evil>")
    queue.enqueue(f"nowhere.{arguments}", *arguments, job_id="fails")
    page = client.get("/admin/").text
    assert "Invalid attribute name" in page
    assert PASSWORD not in page
    assert "<img id=evil>" not in page
    assert "Queued again." in act(client, "jobs/fails/retry")
    assert queue.job_ids == ["fails"]
    assert "there is no failed job" in act(client, "jobs/fails/retry")
    assert "Deleted." in act(client, "jobs/fails/delete")
    assert not queue.connection.exists("rq:job:fails")
    assert "no job of this id failed or waits" in act(client, "jobs/fails/delete")


def test_what_anybody_has_written_is_shown_as_far_as_it_can_be_read(
    client: FlaskClient, queue: Queue
) -> None:
    redis = queue.connection
    odd = (b"\xff", b"a/b", b"a:b", b"", b"x" * 1000, b"<img id=evil>", b"text")
    queue.enqueue("nowhere.x", job_id="fails")
    redis.set("rq:job:text", "x")
    for number, id in enumerate(odd):
        redis.rpush("rq:queue:tracker", id)
        redis.zadd("rq:failed:tracker", {id: number})
        redis.zadd(job_status.SCHEDULE, {id: (float("inf"), 1e300, -1e300)[number % 3]})
        redis.sadd("rq:workers:tracker", b"rq:worker:" + id)
    redis.hset("rq:worker:a/b", mapping={"state": b"\xff", "last_heartbeat": "soon"})
    page = client.get("/admin/").text
    assert page.count("it cannot be read") == len(odd)
    assert "Invalid attribute name" in page, "of the job that can be read"
    assert "\\xff" in page
    assert "<img id=evil>" not in page
    assert "Not queued" in act(client, "jobs/text/retry")
    redis.zrem(job_status.SCHEDULE, "text")
    for name in ("a/b", "a:b", "text"):
        assert "Deleted." in act(client, f"jobs/{name}/delete")
    assert not redis.exists("rq:job:text")
    assert "Queued; no worker is alive" not in act(client, "refresh"), "there seem to be some"
    redis.delete("rq:workers:tracker")
    redis.set("rq:workers:tracker", "x")
    assert "cannot be shown" in client.get("/admin/").text


def test_a_job_of_the_schedule_stays_there_and_an_id_that_has_outlived_its_job_is_deleted(
    client: FlaskClient, queue: Queue
) -> None:
    assert scheduler.RefreshScheduler.scheduled_jobs_key == job_status.SCHEDULE
    queue.enqueue("nowhere.x", job_id="fails")
    queue.connection.zadd(job_status.SCHEDULE, {"fails": 1e10})
    queue.push_job_id("ghost")
    for id in ("fails", "ghost"):
        assert "Deleted." in act(client, f"jobs/{id}/delete")
    assert queue.job_ids == json_jobs.failed_jobs(queue.connection).get_job_ids() == []
    assert queue.connection.exists("rq:job:fails")


def test_each_source_is_shown_with_what_fails_and_its_counts(
    app: Flask, client: FlaskClient
) -> None:
    backend = services(app).backend
    sources = SourceHealth("coingecko", True), SourceHealth("kraken", False, 0, "it is <away>")
    backend.store.change_state(lambda state: replace(state, sources=sources))
    with backend.refresh_stats.counted() as outcome:
        outcome.sources = {"kraken": SourceCounts(answers=4321, newest_at=1000)}
    page = " ".join(client.get("/admin/").text.split())
    assert '<td>coingecko</td> <td class="text-break">answers</td> <td>–</td>' in page
    assert "fails: it is &lt;away&gt;</td> <td>1970-01-01T00:00:00.000Z</td> <td>4321</td>" in page
    assert "<td>1970-01-01T00:00:01.000Z</td>" in page


def test_without_redis_the_page_says_so_and_hides_its_password(make_app: AppFactory) -> None:
    redis_url = "redis://:hush-hush@127.0.0.1:1"
    client = make_app(admin_password=PASSWORD, redis_url=redis_url).test_client()
    log_in(client)
    for path in ("refresh", "jobs/x/retry", "jobs/x/delete"):
        page = act(client, path)
        assert "Not done: Redis cannot be reached" in page
        assert "the jobs cannot be shown" in page
        assert "hush-hush" not in page


def test_a_worker_runs_the_refresh(
    client: FlaskClient, settings: SettingsFactory, tmp_path: Path, app: Flask
) -> None:
    assert f"{refresh_prices.__module__}.{refresh_prices.__name__}" == REFRESH
    with Child("-m", "worker", env=environment(settings()), log=tmp_path / "worker.log"):
        wait_for(lambda: "No worker is alive" not in client.get("/admin/").text)
        assert "Queued." in act(client, "refresh")
        wait_for(lambda: ">tick</td>" in client.get("/admin/").text)
    assert newest_of(services(app).backend.store) is not None
