"""The start of the web and of flask's commands: by the settings, or one line and no web."""

import http.client
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from honcho.environ import parse_procfile

from dev.embedded_redis import free_port
from tests.conftest import SettingsFactory
from tests.support.tools import ROOT, Child, environment, wait_for

WEB = parse_procfile((ROOT / "Procfile").read_text()).processes["web"]


@pytest.mark.parametrize(
    ("command", "setting", "line"),
    [
        (
            ("flask", "--app", "wsgi", "db", "upgrade"),
            {"TRACKER_RETRY": "often"},
            'TRACKER_RETRY="often" is not accepted; accepted: a whole number from 1 to 3600\n',
        ),
        (("sh", "-c", WEB), {"WEB_CONCURRENCY": ""}, "REDIS_URL is not set; accepted: "),
    ],
)
def test_a_setting_that_is_bad_or_missing_ends_the_start_with_one_line(
    command: tuple[str, ...], setting: dict[str, str], line: str, tmp_path: Path
) -> None:
    with Child(*command, env=environment() | setting, log=tmp_path / "log") as child:
        assert child.wait() == 1
    assert child.output.startswith(line)
    assert child.output.count("\n") == 1


WITHOUT_IPV6 = """if True:
    import errno, socket, sys
    from gevent import _socket3
    real = _socket3.socket.__init__
    def init(self, family=-1, *also, **named):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        real(self, family, *also, **named)
    _socket3.socket.__init__ = init
    from gunicorn.app.wsgiapp import run
    sys.argv = ["gunicorn", "wsgi:app", "--access-logfile", "-"]
    run()
"""


def is_logged(child: Child, client: str) -> bool:
    return f"client={client} " in child.output


@pytest.mark.faults
@pytest.mark.parametrize("has_ipv6", [True, False])
def test_the_web_listens_on_ipv4_and_where_there_is_one_on_ipv6(
    settings: SettingsFactory, tmp_path: Path, has_ipv6: bool
) -> None:
    """Node takes localhost for ::1 first; an IPv4 address stays one in logs and limits."""
    port = free_port()
    usual = ("gunicorn", "wsgi:app", "--access-logfile", "-")
    command = usual if has_ipv6 else ("-c", WITHOUT_IPV6)
    env = environment(settings(), PORT=str(port))
    with Child(*command, env=env, log=tmp_path / "log") as child:
        wait_for(lambda: "Booting worker" in child.output, 30)
        for host in ("127.0.0.1", "::1") if has_ipv6 else ("127.0.0.1",):
            with closing(http.client.HTTPConnection(host, port, timeout=30)) as connection:
                connection.request("GET", "/healthz")
                assert connection.getresponse().status == 200
            wait_for(partial(is_logged, child, host))
        assert child.end() == 0
