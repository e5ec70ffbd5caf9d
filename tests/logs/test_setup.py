"""One event, one line, of which nobody can forge a second, and no secret in any of them."""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from contextlib import ExitStack
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
from tracker.logs.setup import formatter, logfmt

LINE_ENDS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Whatever anybody takes for the end of a line (`str.splitlines`)."""


def record(text: str, *args: Any, name: str = "some.room", **more: Any) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 1, text, args, more.get("exc_info"))


def line(text: str, *args: Any, format: str = "logfmt", **more: Any) -> str:
    return formatter(Settings(log_format=format)).format(record(text, *args, **more))


def fields(line: str) -> dict[str, str]:
    """Return the fields of a line of logfmt, as a shell would understand its quotes."""
    return dict(part.split("=", 1) for part in shlex.split(line))


class TestLine:
    def test_logfmt_says_when_how_bad_who_and_what(self) -> None:
        found = fields(line("%d readers", 7))
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["ts"])
        assert (found["level"], found["logger"], found["msg"]) == (
            "warning", "some.room", "7 readers",
        )  # fmt: skip

    def test_json_says_the_same(self) -> None:
        found = json.loads(line("%d readers", 7, format="json"))
        assert list(found) == ["ts", "level", "logger", "pid", "msg"]
        assert found["msg"] == "7 readers"

    @pytest.mark.parametrize("format", ["logfmt", "json"])
    def test_a_traceback_is_in_the_same_line(self, format: str) -> None:
        def fail() -> None:
            raise RuntimeError("a bug\nwith lines")

        try:
            fail()
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

    def test_secrets_and_passwords_in_urls_are_hidden(self) -> None:
        settings = Settings(
            redis_url="rediss://:red%40isRED1@h:1/0",
            database_url="postgresql+psycopg://u:postGRES7%2F@h/n",
            secret_key="of-the-cookies-9",
            api_key="CG-of-the-source",
        )
        for text in (
            "redis red@isRED1 red%40isRED1 postGRES7/ postGRES7%2F of-the-cookies-9",
            "rediss://:red%40isRED1@h:1/0 postgresql://u:short@h/n amqp://a:b@c",
            "key=CG-of-the-source",
        ):
            written = formatter(settings).format(record("%s", text))
            for secret in ("red@is", "red%40", "postGRES7", "cookies", "short", "a:b", "CG-of"):
                assert secret not in written

    def test_passwords_in_a_query_are_hidden(self) -> None:
        settings = Settings(
            redis_url="redis://h/0?password=red%40isRED1",
            database_url="postgresql+psycopg:///t?password=post+GRES7&sslpassword=client-key",
            coingecko_url="https://u:gateway9@h/v3",
        )
        for text in (
            "red@isRED1 red%40isRED1 post+GRES7 post GRES7 client-key gateway9",
            "redis://h/0?db=1&password=short https://h/v3?x_cg_demo_api_key=short&ids=1",
        ):
            written = formatter(settings).format(record("%s", text))
            for secret in ("red@is", "red%40", "GRES7", "client", "gateway9", "short"):
                assert secret not in written

    @pytest.mark.parametrize("secret", ["abc://defghij", "abc://user:pass@h", "://12345678"])
    def test_a_secret_that_looks_like_a_url_is_hidden(self, secret: str) -> None:
        settings = Settings(secret_key=secret, admin_password=f"{secret}!")
        for text in (f"key {secret}.", f"password {secret}!"):
            written = formatter(settings).format(record("%s", text))
            assert written.count("(hidden)") == 1
            assert "://" not in written

    def test_a_url_without_a_password_stays(self) -> None:
        url = "http://localhost:8000/a@b redis://h:1/0?db=1&keys=a"
        assert url in line("%s", url)


class TestId:
    @pytest.mark.parametrize("text", ["a", "A-z_0.9", "x" * 64])
    def test_a_sane_one_is_kept(self, text: str) -> None:
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
    def test_all_lines_are_of_one_form_also_those_of_access(
        self, settings: SettingsFactory, tmp_path: Path
    ) -> None:
        mine = settings(log_format="json", log_level="DEBUG")
        with Web(mine, tmp_path / "log", "--access-logfile", "-") as web:
            web.get("/healthz?x=1", X_Request_ID="mine", User_Agent='a "quoted" one')
            assert web.child.end() == 0
        lines = [json.loads(text) for text in web.child.output.splitlines()]
        (access,) = [found for found in lines if found.get("request") == "mine"]
        assert access["logger"] == "gunicorn.access"
        assert (access["method"], access["path"], access["query"], access["status"]) == (
            "GET", "/healthz", "x=1", "200",
        )  # fmt: skip
        assert "quoted" in access["agent"]
        assert {"gunicorn.error", "tracker.messaging.feed"} <= {found["logger"] for found in lines}

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

    def test_readers_come_and_go_without_a_line_but_for_debug(
        self, settings: SettingsFactory, tmp_path: Path
    ) -> None:
        for level, told in (("INFO", False), ("DEBUG", True)):
            with Web(settings(log_level=level), tmp_path / level) as web:
                with request(web.port) as sock:
                    sock.recv(10)
                if told:
                    wait_for(lambda web=web: "leaves: hung_up" in web.child.output)  # type: ignore[misc]
                assert web.child.end() == 0
            assert ("a reader comes from 127.0.0.1" in web.child.output) == told

    def test_a_bad_format_ends_the_start_with_one_line(self, tmp_path: Path) -> None:
        env = environment(LOG_FORMAT="xml", REDIS_URL="redis://h")
        with Child("gunicorn", "wsgi:app", env=env, log=tmp_path / "log") as child:
            assert child.wait() == 1
        assert child.output == 'LOG_FORMAT="xml" is not accepted; accepted: logfmt or json\n'


class Stack:
    """Web, worker and scheduler with one environment, for a `with` block."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        folder.mkdir()
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

    def all_say(self, *texts: str) -> None:
        """Wait until each of *texts* was said."""
        wait_for(lambda: all(text in self.output for text in texts), 40, f"{texts}")


SECRETS = {
    "redis": "redisSECRETone1",
    "postgres": "postgresSECRETtwo2",
    "key": "CG-SECRETthree3",
    "cookies": "cookiesSECRETfour4",
    "admin": "adminSECRETfive5",
}


class TestSecrets:
    @pytest.fixture
    def env(self, settings: SettingsFactory, tmp_path: Path) -> dict[str, str]:
        return environment(
            settings(source="coingecko", interval=1),
            PORT=str(free_port()),
            LOG_LEVEL="DEBUG",
            COINGECKO_API_KEY=SECRETS["key"],
            COINGECKO_URL=f"http://127.0.0.1:{free_port()}",
            SECRET_KEY=SECRETS["cookies"],
            ADMIN_PASSWORD=SECRETS["admin"],
        )

    @pytest.fixture
    def locked_redis(self, own_redis: EmbeddedRedis) -> str:
        """Return the URL of a Redis that wants a password."""
        with Redis.from_url(own_redis.url) as client:
            client.config_set("requirepass", SECRETS["redis"])
        return f"redis://:{SECRETS['redis']}@127.0.0.1:{own_redis.port}"

    def asked(self, port: int) -> str:
        """Return what the web says to somebody who tries things."""
        said = []
        for path in ("/metrics", "/readyz", "/stream", "/api/prices", "/cryptos/", "/no", "/%00"):
            with request(port, path, Accept="text/event-stream", Connection="close") as sock:
                head = sock.recv(65536)
                said.append(head.decode(errors="replace"))
        return "".join(said)

    def holds_none(self, *texts: str) -> None:
        for text in texts:
            found = [name for name, secret in SECRETS.items() if secret in text]
            assert not found
            assert "SECRET" not in text.replace("SECRET_KEY", "")

    def test_a_redis_that_does_not_take_the_password(
        self, env: dict[str, str], locked_redis: str, tmp_path: Path
    ) -> None:
        wrong = locked_redis.replace(SECRETS["redis"], "wrong" + SECRETS["redis"])
        with Stack(tmp_path / "logs", env | {"REDIS_URL": wrong}) as stack:
            stack.all_say("feed lost", "Listening at", "Redis cannot be reached")
            wait_for(lambda: stack.output.count("Redis cannot be reached") >= 2)
            self.holds_none(self.asked(stack.port), stack.output)

    def test_a_database_that_is_not_there_and_a_key_that_is_refused(
        self, env: dict[str, str], locked_redis: str, tmp_path: Path
    ) -> None:
        env = env | {"REDIS_URL": locked_redis}
        url = f"postgres://user:{SECRETS['postgres']}@127.0.0.1:{free_port()}/name"
        with Stack(tmp_path / "database", env | {"DATABASE_URL": url}) as stack:
            stack.all_say("the database cannot be read", "Traceback", "OperationalError")
            self.holds_none(self.asked(stack.port), stack.output)
        with CoinGecko() as gecko:
            gecko.answer(401, {"status": {"error_code": 10002, "error_message": "key"}})
            with Stack(tmp_path / "key", env | {"COINGECKO_URL": gecko.url}) as stack:
                stack.all_say("the API key is missing or wrong")
                self.holds_none(self.asked(stack.port), stack.output)


def test_the_id_of_a_run_goes_from_the_job_through_the_feed_to_the_web(
    settings: SettingsFactory, tmp_path: Path
) -> None:
    mine = settings(interval=1, log_level="DEBUG", log_format="json")
    env = environment(mine, PORT=str(free_port()))
    with Stack(tmp_path / "logs", env) as stack:
        stack.all_say(" readers in ", "quotes from simulated")

        def runs(child: str, text: str) -> set[str]:
            lines = stack.children[child].output.splitlines()[:-1]
            found = [json.loads(line) for line in lines if text in line]
            return {line["run"] for line in found if "run" in line}

        wait_for(lambda: runs("worker", "quotes from") & runs("web", "readers in"))
        assert all(len(run) == 16 for run in runs("worker", "quotes from"))


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
