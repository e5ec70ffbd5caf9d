"""One event is one line, nobody can forge a second one, and no line holds a secret."""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.conftest import AppFactory, SettingsFactory
from tests.support.fake_coingecko import CoinGecko
from tests.support.tools import Child, environment, wait_for
from tests.support.web_process import Web, request
from tracker.config import Settings
from tracker.logs import setup
from tracker.logs.context import current_id, log_context, valid_or_new_id
from tracker.logs.setup import Formatter, logfmt

LINE_ENDS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Whatever anybody takes for the end of a line (`str.splitlines`)."""


def record(text: str, *args: Any, name: str = "some.room", **more: Any) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 1, text, args, more.get("exc_info"))


def line(text: str, *args: Any, format: str = "logfmt", **more: Any) -> str:
    return Formatter(Settings(log_format=format)).format(record(text, *args, **more))


def fields(line: str) -> dict[str, str]:
    """Return the fields of a line of logfmt, as a shell would understand its quotes."""
    return dict(part.split("=", 1) for part in shlex.split(line))


class TestLine:
    def test_it_has_time_level_logger_and_message(self) -> None:
        found = fields(line("%d readers", 7))
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["ts"])
        assert [found[name] for name in ("level", "logger", "msg")] == [
            "warning", "some.room", "7 readers",
        ]  # fmt: skip
        as_json = json.loads(line("%d readers", 7, format="json"))
        assert list(as_json) == list(found) == ["ts", "level", "logger", "pid", "msg"]
        assert as_json["msg"] == "7 readers"

    @pytest.mark.parametrize("format", ["logfmt", "json"])
    def test_a_traceback_is_in_the_same_line(self, format: str) -> None:
        try:
            raise RuntimeError("a bug\nwith lines")  # noqa: TRY301 - it is what is caught
        except RuntimeError:
            text = line("oh", format=format, exc_info=sys.exc_info())
        assert not LINE_ENDS.search(text)
        assert "a bug\\nwith lines" in text
        assert "test_setup.py" in text

    @given(st.text())
    def test_no_text_makes_two_lines_or_a_field(self, text: str) -> None:
        for written in (line("%s", text), logfmt({"msg": text})):
            assert not LINE_ENDS.search(written)
            written.encode()
            inside = re.sub(r"\\.", "", written.partition("msg=")[2])
            assert inside.count('"') in (0, 2)
            assert inside.endswith('"') or '"' not in inside

    @given(st.text())
    def test_json_gives_back_any_text(self, text: str) -> None:
        written = line("%s", text, format="json")
        assert not LINE_ENDS.search(written)
        assert json.loads(written)["msg"] == text

    def test_what_controls_a_terminal_or_turns_text_around_is_escaped(self) -> None:
        written = line("\x1b[2J\u202egnp.exe\u2066\x9b\udcff")
        assert written.endswith(r'msg="\u001b[2J\u202egnp.exe\u2066\u009b\udcff"')

    def test_what_it_is_about_goes_along_and_ends(self) -> None:
        with log_context(run="7", job=None):
            with log_context(request="abc"):
                assert line("x").endswith(" msg=x run=7 request=abc")
            assert line("x").endswith(" msg=x run=7")
            assert current_id("run") == "7"
        assert line("x").endswith(" msg=x")

    def hides(self, settings: Settings, *texts: str, parts: tuple[str, ...]) -> None:
        for text in texts:
            written = Formatter(settings).format(record("%s", text))
            assert [part for part in parts if part in written] == []

    def test_secrets_and_passwords_in_urls_are_hidden(self) -> None:
        settings = Settings(
            redis_url="rediss://:red%40isRED1@h:1/0",
            database_url="postgresql+psycopg://u:postGRES7%2F@h/n",
            secret_key="of-the-cookies-9",
            api_key="CG-of-the-source",
        )
        self.hides(
            settings,
            "redis red@isRED1 red%40isRED1 postGRES7/ postGRES7%2F of-the-cookies-9",
            "rediss://:red%40isRED1@h:1/0 postgresql://u:short@h/n amqp://a:b@c",
            "key=CG-of-the-source",
            parts=("red@is", "red%40", "postGRES7", "cookies", "short", "a:b", "CG-of"),
        )

    def test_passwords_in_a_query_are_hidden(self) -> None:
        settings = Settings(
            redis_url="redis://h/0?password=red%40isRED1",
            database_url="postgresql+psycopg:///t?password=post+GRES7&sslpassword=client-key",
            coingecko_url="https://u:gateway9@h/v3",
        )
        self.hides(
            settings,
            "red@isRED1 red%40isRED1 post+GRES7 post GRES7 client-key gateway9",
            "redis://h/0?db=1&password=short https://h/v3?x_cg_demo_api_key=short&ids=1",
            parts=("red@is", "red%40", "GRES7", "client", "gateway9", "short"),
        )

    @pytest.mark.parametrize("secret", ["abc://defghij", "abc://user:pass@h", "://12345678"])
    def test_a_secret_that_looks_like_a_url_is_hidden(self, secret: str) -> None:
        self.hides(
            Settings(secret_key=secret, admin_password=f"{secret}!"),
            f"key {secret}.",
            f"password {secret}!",
            parts=("://", secret),
        )

    def test_a_url_without_a_password_stays(self) -> None:
        url = "http://localhost:8000/a@b redis://h:1/0?db=1&keys=a"
        assert url in line("%s", url)


class TestId:
    @pytest.mark.parametrize("text", ["a", "A-z_0.9", "x" * 64])
    def test_a_valid_one_is_kept(self, text: str) -> None:
        assert valid_or_new_id(text) == text

    @pytest.mark.parametrize("text", [None, "", "x" * 65, "a b", "a\n", "é", 'a"', "a=b", "٣"])
    def test_any_other_is_replaced(self, text: str | None) -> None:
        assert re.fullmatch(r"[0-9a-f]{16}", valid_or_new_id(text))

    def test_every_answer_has_the_requests(self, make_app: AppFactory) -> None:
        client = make_app().test_client()
        for path in ("/healthz", "/made/up", "/api/prices", "/metrics", "/stream?coins=x"):
            response = client.get(path, headers={"X-Request-ID": "mine.7"})
            assert response.headers["X-Request-ID"] == "mine.7"
            response.close()
        others = {client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
        assert len(others) == 3

    def test_lines_of_a_request_carry_it_and_later_ones_do_not(self, make_app: AppFactory) -> None:
        app = make_app()
        app.add_url_rule("/seen", "seen", lambda: current_id("request") or "")
        assert app.test_client().get("/seen", headers={"X-Request-ID": "mine"}).text == "mine"
        assert current_id("request") is None


class TestWeb:
    def test_all_lines_are_of_one_form_and_readers_make_none(
        self, settings: SettingsFactory, tmp_path: Path
    ) -> None:
        mine = settings(log_format="json", log_level="INFO")
        with Web(mine, tmp_path / "log", "--access-logfile", "-") as web:
            web.get("/healthz?x=1", X_Request_ID="mine", User_Agent='a "quoted" one')
            with request(web.port) as sock:
                sock.recv(10)
            assert web.child.end() == 0
        lines = [json.loads(text) for text in web.child.output.splitlines()]
        (access,) = [found for found in lines if found.get("request") == "mine"]
        assert [access[name] for name in ("logger", "method", "path", "query", "status")] == [
            "gunicorn.access", "GET", "/healthz", "x=1", "200",
        ]  # fmt: skip
        assert "quoted" in access["agent"]
        assert "gunicorn.error" in {found["logger"] for found in lines}
        assert "reader" not in web.child.output

    def test_no_path_and_no_header_forges_a_line(
        self, settings: SettingsFactory, tmp_path: Path
    ) -> None:
        forged = "%0a%0dts=2026-01-01T00:00:00.000Z%20level=info%20msg=forged%e2%80%a8%1b[2J%00"
        with Web(settings(log_level="DEBUG"), tmp_path / "log", "--access-logfile", "-") as web:
            for path in (f"/{forged}", f"/cryptos/{forged}", f"/stream?coins={forged}"):
                with request(web.port, path) as sock:
                    assert sock.recv(65536)
            raw = "a\x0bts=1\x1b[2Jmsg=forged"
            with request(web.port, "/healthz", User_Agent=raw, X_Request_ID=raw, Referer=raw) as s:
                s.recv(65536)
            assert web.child.end() == 0
        lines = web.child.output.splitlines()
        assert [text for text in lines if not text.startswith("ts=20")] == []
        assert not any(" msg=forged" in re.sub(r'"(\\.|[^"\\])*"', "", text) for text in lines)
        assert "\x1b" not in web.child.output


class Stack:
    """Web, worker and scheduler with one environment, for a `with` block."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.port = int(env["PORT"])
        commands = {
            "web": ("gunicorn", "wsgi:app", "--access-logfile", "-"),
            "worker": ("-m", "worker"),
            "scheduler": ("-m", "worker.scheduler"),
        }
        self.children = {
            name: Child(*command, env=env, log=folder / name) for name, command in commands.items()
        }
        self._stack = ExitStack()

    def __enter__(self) -> Stack:
        for child in self.children.values():
            self._stack.enter_context(child)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def output(self) -> str:
        return "".join(child.output for child in self.children.values())

    def wait_for_lines(self, *texts: str) -> None:
        """Wait until each of *texts* was logged."""
        wait_for(lambda: all(text in self.output for text in texts), 60, f"{texts}")

    def runs(self, child: str, text: str) -> set[str]:
        """Return the runs of the JSON lines of *child* that hold *text*."""
        whole = self.children[child].output.rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines() if text in line]
        return {line["run"] for line in lines if "run" in line}


SECRETS = {
    "redis": "redisSECRETone1",
    "postgres": "postgresSECRETtwo2",
    "key": "CG-SECRETthree3",
    "cookies": "cookiesSECRETfour4",
    "admin": "adminSECRETfive5",
}


class TestProcesses:
    @pytest.fixture
    def env(self, settings: SettingsFactory, own_redis: EmbeddedRedis) -> dict[str, str]:
        with Redis.from_url(own_redis.url) as client:
            client.config_set("requirepass", SECRETS["redis"])
        return environment(
            settings(source="coingecko", interval=1),
            PORT=str(free_port()),
            LOG_LEVEL="DEBUG",
            REDIS_URL=f"redis://:{SECRETS['redis']}@127.0.0.1:{own_redis.port}",
            COINGECKO_API_KEY=SECRETS["key"],
            SECRET_KEY=SECRETS["cookies"],
            ADMIN_PASSWORD=SECRETS["admin"],
        )

    def no_secrets(self, stack: Stack) -> None:
        """Check what was logged, and what the web answers to somebody who tries things."""
        texts = [stack.output]
        for path in ("/metrics", "/readyz", "/stream", "/api/prices", "/cryptos/", "/no", "/%00"):
            with request(stack.port, path, Connection="close") as sock:
                texts.append(sock.recv(65536).decode(errors="replace"))
        for text in texts:
            assert [name for name, secret in SECRETS.items() if secret in text] == []
            assert "SECRET" not in text.replace("SECRET_KEY", "")

    def test_no_database_and_then_a_redis_that_refuses_the_password(
        self, env: dict[str, str], own_redis: EmbeddedRedis, tmp_path: Path
    ) -> None:
        url = f"postgres://user:{SECRETS['postgres']}@127.0.0.1:{free_port()}/name"
        with Stack(tmp_path, env | {"DATABASE_URL": url}) as stack:
            stack.wait_for_lines("the database cannot be read", "Traceback", "OperationalError")
            with Redis.from_url(env["REDIS_URL"]) as client:
                client.config_set("requirepass", "another")
                for kind in ("normal", "pubsub"):
                    client.client_kill_filter(_type=kind, skipme=True)
            stack.wait_for_lines("feed lost", "Redis cannot be reached")
            self.no_secrets(stack)

    def test_a_run_keeps_its_id_up_to_the_web_and_a_refused_key_is_not_shown(
        self, env: dict[str, str], tmp_path: Path
    ) -> None:
        with CoinGecko() as gecko:
            env = env | {"COINGECKO_URL": gecko.url, "LOG_FORMAT": "json"}
            with Stack(tmp_path, env) as stack:
                prices = count(1)

                def run_went_through() -> set[str]:
                    gecko.set_price("bitcoin", str(next(prices)))
                    return stack.runs("worker", "quotes from") & stack.runs("web", "readers in")

                wait_for(run_went_through, 60, "a tick that the web published")
                assert {len(run) for run in run_went_through()} == {16}
                gecko.answer(401, {"status": {"error_code": 10002, "error_message": "key"}})
                stack.wait_for_lines("the API key is missing or wrong")
                self.no_secrets(stack)


def test_configured_twice_a_line_is_still_one(capfd: pytest.CaptureFixture[str]) -> None:
    root, warnings = logging.getLogger(), logging.getLogger("py.warnings")
    kept, level = root.handlers[:], root.level
    try:
        for _ in range(2):
            setup.configure(Settings())
        logging.getLogger("some").info("hello")
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = kept, level
        for name in (*setup.REPETITIVE, "alembic", "rq_scheduler", "urllib3"):
            logging.getLogger(name).filters.clear()
            logging.getLogger(name).setLevel("NOTSET")
        warnings.handlers.clear()
    assert capfd.readouterr().err.count("msg=hello") == 1
