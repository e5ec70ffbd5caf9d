"""One event is one line, nobody can forge a second one, and no line holds a secret."""

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
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.conftest import SettingsFactory
from tests.support.fake_coingecko import CoinGecko
from tests.support.tools import Child, environment, wait_for
from tests.support.web_process import Web, request
from tracker.config import Settings
from tracker.logs.context import current_id, log_context, valid_or_new_id
from tracker.logs.setup import Formatter, logfmt

LINE_ENDS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Whatever anybody takes for the end of a line (`str.splitlines`)."""


def line(
    text: str, *args: Any, format: str = "logfmt", exc_info: Any = None, **settings: Any
) -> str:
    record = logging.LogRecord("some.room", logging.WARNING, "", 1, text, args, exc_info)
    return Formatter(Settings(log_format=format, **settings)).format(record)


def fields(line: str) -> dict[str, str]:
    """Return the fields of a line of logfmt, as a shell would understand its quotes."""
    return dict(part.split("=", 1) for part in shlex.split(line))


class TestLine:
    def test_it_has_time_level_logger_and_message(self) -> None:
        found = fields(line("%d readers", 7))
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("ts"))
        assert found.pop("pid").isdecimal()
        assert found == {"level": "warning", "logger": "some.room", "msg": "7 readers"}
        as_json = json.loads(line("%d readers", 7, format="json"))
        assert list(as_json) == ["ts", "level", "logger", "pid", "msg"]
        assert as_json["msg"] == "7 readers"

    def test_a_traceback_is_in_the_same_line_without_passwords(self) -> None:
        url = "postgresql+psycopg://user:postGRES7@127.0.0.1:1/name"
        for format in ("logfmt", "json"):
            try:
                raise RuntimeError(f"{url} is away\nwith lines")  # noqa: TRY301 - what is caught
            except RuntimeError:
                text = line("oh", format=format, exc_info=sys.exc_info(), database_url=url)
            assert not LINE_ENDS.search(text)
            assert "is away\\nwith lines" in text
            assert "test_setup.py" in text
            assert "postGRES7" not in text

    @given(st.text())
    def test_no_text_makes_two_lines_or_a_field_and_json_gives_it_back(self, text: str) -> None:
        for written in (line("%s", text), logfmt({"msg": text})):
            assert not LINE_ENDS.search(written)
            written.encode()
            inside = re.sub(r"\\.", "", written.partition("msg=")[2])
            assert inside.count('"') in (0, 2)
            assert inside.endswith('"') or '"' not in inside
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
        text = (
            "redis red@isRED1 red%40isRED1 postGRES7/ postGRES7%2F of-the-cookies-9 "
            "rediss://:red%40isRED1@h:1/0 postgresql://u:short@h/n amqp://a:b@c "
            "key=CG-of-the-source post+GRES8 post GRES8 client-key gateway9 "
            "redis://h/0?db=1&password=short https://h/v3?x_cg_demo_api_key=short&ids=1"
        )
        mine = {"secret_key": "of-the-cookies-9", "api_key": "CG-of-the-source"}
        by_user = line(
            text,
            redis_url="rediss://:red%40isRED1@h:1/0",
            database_url="postgresql+psycopg://u:postGRES7%2F@h/n",
            **mine,
        )
        in_query = line(
            text,
            redis_url="redis://h/0?password=red%40isRED1",
            database_url="postgresql+psycopg:///t?password=post+GRES8&sslpassword=client-key",
            coingecko_url="https://u:gateway9@h/v3",
            **mine,
        )
        for shown in ("red@is", "red%40", "cookies", "short", "a:b", "CG-of"):
            assert shown not in by_user + in_query
        assert "postGRES7" not in by_user
        assert not any(shown in in_query for shown in ("GRES8", "client", "gateway9"))

    def test_no_part_of_where_alerts_go_is_shown_but_a_host(self) -> None:
        notify = (
            "phone=ntfys://my-topic-of-mine tgram://123456789:AA-token/-100200300"
            " json://127.0.0.1 json://u:SG.ab12cd34.Gh56ij78@ntfy.example.org"
        )
        text = "no my-topic-of-mine 123456789 AA-token/-100200300 at 127.0.0.1 SG.ab12cd34.Gh56ij78"
        shown = line(f"{text} ntfy.example.org", notify=notify)
        hidden = "no (hidden) (hidden) (hidden)/(hidden) at 127.0.0.1 (hidden) ntfy.example.org"
        assert f'msg="{hidden}"' in shown

    def test_a_secret_that_looks_like_a_url_is_hidden_and_a_url_without_one_stays(self) -> None:
        for secret in ("abc://defghij", "abc://user:pass@h", "://12345678"):
            admin = f"{secret}!"
            text = f"key {secret}. password {admin}"
            assert "://" not in line(text, secret_key=secret, admin_password=admin)
        url = "http://localhost:8000/a@b redis://h:1/0?db=1&keys=a"
        assert url in line("%s", url)


def test_a_thread_that_dies_leaves_one_line(tmp_path: Path) -> None:
    code = """if True:
        import threading
        from tracker import config
        from tracker.logs import setup
        setup.configure(config.load())
        for work in (exit, lambda: 1 / 0):
            thread = threading.Thread(target=work, name="relay")
            thread.start()
            thread.join()
    """
    with Child("-c", code, env=environment(), log=tmp_path / "log") as child:
        assert child.wait() == 0
    (one,) = [fields(text) for text in child.output.splitlines()]
    assert one["msg"] == "relay died of ZeroDivisionError"
    assert "Traceback" in one["traceback"]


class TestId:
    def test_only_a_valid_one_is_kept(self) -> None:
        for text in ("a", "A-z_0.9", "x" * 64):
            assert valid_or_new_id(text) == text
        for other in (None, "", "x" * 65, "a b", "a\n", "é", 'a"', "a=b", "٣"):
            assert re.fullmatch(r"[0-9a-f]{16}", valid_or_new_id(other))

    def test_every_answer_and_the_lines_of_a_request_have_its(self, app: Flask) -> None:
        app.add_url_rule("/seen", "seen", lambda: current_id("request") or "")
        client = app.test_client()
        for path in ("/healthz", "/made/up", "/api/prices", "/metrics", "/stream?coins=x"):
            response = client.get(path, headers={"X-Request-ID": "mine.7"})
            assert response.headers["X-Request-ID"] == "mine.7"
            response.close()
        assert len({client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}) == 3
        assert client.get("/seen", headers={"X-Request-ID": "mine"}).text == "mine"
        assert current_id("request") is None


@pytest.mark.faults
def test_all_lines_of_the_web_are_of_one_form_and_no_path_and_no_header_forges_one(
    settings: SettingsFactory, tmp_path: Path
) -> None:
    forged = "%0a%0dts=2026-01-01T00:00:00.000Z%20level=info%20msg=forged%e2%80%a8%1b[2J%00"
    raw = "a\x0bts=1\x1b[2Jmsg=forged"
    with Web(settings(log_level="DEBUG"), tmp_path / "log", "--access-logfile", "-") as web:
        for path in (f"/{forged}", f"/cryptos/{forged}", f"/stream?coins={forged}", "/stream"):
            with request(web.port, path) as sock:
                assert sock.recv(65536)
        with request(web.port, "/healthz", User_Agent=raw, X_Request_ID=raw, Referer=raw) as s:
            s.recv(65536)
        web.get("/healthz?x=1", X_Request_ID="mine", User_Agent='a "quoted" one')
        assert web.child.end() == 0
    lines = web.child.output.splitlines()
    assert [text for text in lines if not text.startswith("ts=20")] == []
    assert not any(" msg=forged" in re.sub(r'"(\\.|[^"\\])*"', "", text) for text in lines)
    assert "\x1b" not in web.child.output
    (access,) = [fields(text) for text in lines if text.endswith(" request=mine")]
    assert [access[name] for name in ("logger", "method", "path", "query", "status")] == [
        "gunicorn.access", "GET", "/healthz", "x=1", "200",
    ]  # fmt: skip
    assert "quoted" in access["agent"]
    assert not any("reader" in text for text in lines if " level=debug " not in text)


SECRETS = {
    "REDIS": "redisSECRETone1",
    "COINGECKO_API_KEY": "CG-SECRETthree3",
    "SECRET_KEY": "cookiesSECRETfour4",
    "ADMIN_PASSWORD": "adminSECRETfive5",
}


@pytest.mark.faults
def test_a_run_keeps_its_id_up_to_the_web_and_no_process_shows_a_secret(
    settings: SettingsFactory, own_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    """A source refuses the key, and then Redis the password."""

    def output() -> str:
        return "".join(child.output for child in children.values())

    def runs(name: str, text: str) -> set[str]:
        whole = children[name].output.rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines() if text in line]
        return {line["run"] for line in lines if "run" in line}

    def run_went_through() -> set[str]:
        gecko.set_price("bitcoin", str(next(prices)))
        return runs("worker", "quotes from") & runs("web", "readers in")

    redis_url = f"redis://:{SECRETS['REDIS']}@127.0.0.1:{own_redis.port}"
    prices, port = count(1), free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(Redis.from_url(own_redis.url))
        redis.config_set("requirepass", SECRETS["REDIS"])
        gecko = stack.enter_context(CoinGecko())
        mine = settings(source="coingecko", interval=1, log_level="DEBUG", log_format="json")
        env = environment(mine, PORT=str(port), **SECRETS, REDIS_URL=redis_url)
        env |= {"COINGECKO_URL": gecko.url}
        commands = {
            "web": ("gunicorn", "wsgi:app", "--access-logfile", "-"),
            "worker": ("-m", "worker"),
            "scheduler": ("-m", "worker.scheduler"),
        }
        children = {
            name: stack.enter_context(Child(*command, env=env, log=tmp_path / name))
            for name, command in commands.items()
        }
        wait_for(run_went_through, 60, "a tick that the web published")
        assert {len(run) for run in run_went_through()} == {16}
        gecko.answer(401, {"status": {"error_code": 10002, "error_message": "key"}})
        wait_for(lambda: "the API key is missing or wrong" in output(), 60)
        redis.config_set("requirepass", "another")
        for kind in ("normal", "pubsub"):
            redis.client_kill_filter(_type=kind, skipme=True)
        wait_for(lambda: "feed lost" in output() and "Redis cannot be reached" in output(), 60)
        texts = [output()]
        for path in ("/metrics", "/readyz", "/stream", "/api/prices", "/cryptos/", "/no", "/%00"):
            with request(port, path, Connection="close") as sock:
                texts.append(sock.recv(65536).decode(errors="replace"))
    assert "SECRET" not in "".join(texts).replace("SECRET_KEY", "")


def test_configured_twice_a_line_is_still_one(tmp_path: Path) -> None:
    code = """
import logging; from tracker.config import Settings; from tracker.logs.setup import configure
configure(Settings()); configure(Settings()); logging.getLogger("some").info("hello")"""
    with Child(
        "-m", "timeit", "-n1", "-r1", code, env=environment(), log=tmp_path / "log"
    ) as child:
        assert child.wait() == 0
        assert child.output.count("msg=hello") == 1
