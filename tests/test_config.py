"""The settings: accepted and refused values; docs/reference.md has each of them."""

from dataclasses import fields
from itertools import takewhile
from pathlib import Path

import pytest

from tests.support.tools import ROOT
from tracker.config import Settings, load
from tracker.errors import ConfigError
from tracker.market.coins import Coins

COINS = "how many, or which, with commas: 10, bitcoin,monero or 10,monero; 250 at most"
FRIENDS = ("https://a.example", "http://[::1]")
ORIGINS = "* or origins as https://a.example:8443, separated by commas"
HEADER = "| variable | default | meaning |"


def refusal(**environ: str) -> str:
    """Return the line that the user sees."""
    with pytest.raises(ConfigError) as caught:
        load(environ)
    return str(caught.value)


def test_nothing_need_be_set_and_an_empty_variable_counts_as_not_set() -> None:
    for environ in ({}, {"PORT": "", "TRACKER_SOURCE": "  ", "REDIS_URL": "\n"}):
        settings = load(environ)
        assert (settings.port, settings.source, settings.interval) == (8000, "coingecko", 5)
        assert settings.redis_url is None


def test_the_secret_key_is_another_at_each_start() -> None:
    one, other = load({}).secret_key, load({}).secret_key
    assert "" not in (one, other)
    assert one != other


def test_every_default_would_be_accepted() -> None:
    for field in fields(Settings):
        if field.default not in (None, ()):
            default = field.default
            text = ",".join(default) if isinstance(default, tuple) else str(default)
            assert field.metadata["parse"](text) == default, field.name


@pytest.mark.parametrize(
    ("environ", "interval", "source_interval", "stale_after_s"),
    [
        ({}, 5, 60, 180),
        ({"TRACKER_INTERVAL": "1", "COINGECKO_INTERVAL": "30"}, 1, 30, 90),
        ({"COINGECKO_API_KEY": "CG-x"}, 5, 300, 900),
        ({"COINGECKO_API_KEY": "CG-x", "TRACKER_COINS": "10,monero"}, 5, 600, 1800),
        ({"COINGECKO_API_KEY": "CG-x", "TRACKER_COINS": "btc,monero"}, 5, 300, 900),
        ({"COINGECKO_API_KEY": "CG-x", "COINGECKO_API_PLAN": "pro"}, 5, 60, 180),
        ({"TRACKER_EXCHANGES": "none"}, 60, 60, 180),
        ({"TRACKER_EXCHANGES": "none", "TRACKER_INTERVAL": "10"}, 10, 10, 30),
        ({"TRACKER_EXCHANGES": "none", "COINGECKO_API_KEY": "CG-x"}, 60, 300, 900),
        ({"TRACKER_SOURCE": "simulated"}, 5, 5, 15),
        ({"TRACKER_SOURCE": "simulated", "TRACKER_EXCHANGES": "none"}, 5, 5, 15),
    ],
)
def test_the_intervals_follow_from_the_exchanges_and_the_key(
    environ: dict[str, str], interval: int, source_interval: int, stale_after_s: int
) -> None:
    """A Demo key has 10,000 calls a month: one in five minutes."""
    settings = load(environ)
    assert (settings.interval, settings.source_interval) == (interval, source_interval)
    assert settings.stale_after_ms == stale_after_s * 1000
    has_demo_key = "COINGECKO_API_KEY" in environ and settings.api_plan == "demo"
    assert settings.rates_interval == (3600 if has_demo_key else 600)


class TestAccepted:
    @pytest.mark.parametrize(
        ("variable", "text", "field", "value"),
        [
            ("PORT", " 80 ", "port", 80),
            ("TRACKER_SOURCE", "Simulated", "source", "simulated"),
            ("TRACKER_EXCHANGES", "None", "exchanges", ()),
            ("TRACKER_EXCHANGES", "gemini, Kraken", "exchanges", ("gemini", "kraken")),
            ("TRACKER_COINS", "50", "coins", Coins(50)),
            ("TRACKER_COINS", "Monero, BTC,monero", "coins", Coins(0, ("monero", "btc"))),
            ("TRACKER_COINS", "10,0x,kaspa", "coins", Coins(10, ("0x", "kaspa"))),
            ("TRACKER_CURRENCY", "EUR", "currency", "eur"),
            ("COINGECKO_API_KEY", "CG-abc", "api_key", "CG-abc"),
            ("COINGECKO_URL", "http://localhost:9/api/v3/", "coingecko_url", "http://localhost:9/api/v3"),
            ("REDIS_URL", "redis://:secret@localhost:6379/1", "redis_url", "redis://:secret@localhost:6379/1"),
            ("REDIS_URL", "rediss://h:6380", "redis_url", "rediss://h:6380"),
            ("REDIS_URL", "unix:///run/redis.sock?db=1", "redis_url", "unix:///run/redis.sock?db=1"),
            ("DATABASE_URL", "sqlite:////data/t.db", "database_url", "sqlite:////data/t.db"),
            ("DATABASE_URL", "postgres://u:p%40s@h:1/n", "database_url", "postgresql+psycopg://u:p%40s@h:1/n"),
            ("DATABASE_URL", "postgresql://h/n?sslmode=require", "database_url", "postgresql+psycopg://h/n?sslmode=require"),
            ("SECRET_KEY", "12345678", "secret_key", "12345678"),
            ("TRACKER_CORS_ORIGINS", "*", "cors_origins", ("*",)),
            ("TRACKER_CORS_ORIGINS", "https://A.example:443,http://[::1]", "cors_origins", FRIENDS),
            ("TRACKER_CORS_ORIGINS", "http://ü.example:443", "cors_origins", ("http://xn--tda.example:443",)),
            ("TRACKER_URL", "https://p.example/", "url", "https://p.example"),
            ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ],
    )  # fmt: skip
    def test_it_becomes_the_setting(
        self, variable: str, text: str, field: str, value: object
    ) -> None:
        assert getattr(load({variable: text}), field) == value

    def test_a_relative_path_of_sqlite_is_one_from_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        settings = load({"DATABASE_URL": "sqlite:///data/t.db"})
        assert settings.database_url == f"sqlite:///{tmp_path}/data/t.db"

    def test_targets_have_the_names_they_are_given_or_their_services(self) -> None:
        text = "Phone=ntfys://topic json://a/?b=c json://d"
        assert load({"TRACKER_NOTIFY": text}).targets == (
            ("phone", "ntfys://topic"),
            ("json", "json://a/?b=c"),
            ("json2", "json://d"),
        )


class TestRefused:
    @pytest.mark.parametrize("text", ["topic", "phone=topic", "a=json://b a=json://secret-c"])
    def test_what_is_no_list_of_targets_is_not_shown(self, text: str) -> None:
        line = refusal(TRACKER_NOTIFY=text)
        assert line.startswith("TRACKER_NOTIFY=(hidden) is not accepted; accepted: Apprise URLs")
        assert "secret-c" not in line

    @pytest.mark.parametrize(
        ("variable", "text", "accepted"),
        [
            ("PORT", "0", "a whole number from 1 to 65535"),
            ("PORT", "٣", "a whole number from 1 to 65535"),
            ("TRACKER_SOURCE", "yahoo", "coingecko or simulated"),
            *(
                ("TRACKER_COINS", text, COINS)
                for text in ("251", "0", ",", "10,20", "250,monero", "two words", "a" * 101)
            ),
            ("TRACKER_CURRENCY", "us$", "a currency's code in letters, as usd or eur"),
            ("TRACKER_INTERVAL", "0.5", "a whole number from 1 to 86400"),
            ("TRACKER_INTERVAL", "1e3", "a whole number from 1 to 86400"),
            ("COINGECKO_API_PLAN", "gold", "demo or pro"),
            *(
                ("TRACKER_CORS_ORIGINS", text, ORIGINS)
                for text in (
                    "https://*.a.example",
                    "https://a.example:",
                    "https://a.example/x",
                    "https://u@a.example",
                    "https://a..example",
                    "https://[::1",
                    "null",
                    "*,https://a.example",
                    "https://a.example:99999",
                )
            ),
            ("LOG_LEVEL", "LOUD", "DEBUG or INFO or WARNING or ERROR or CRITICAL"),
        ],
    )
    def test_the_line_names_variable_value_and_what_is_accepted(
        self, variable: str, text: str, accepted: str
    ) -> None:
        line = f'{variable}="{text}" is not accepted; accepted: {accepted}'
        assert refusal(**{variable: text}) == line

    @pytest.mark.parametrize(
        ("variable", "text"),
        [
            ("REDIS_URL", "http://:hunter2@h"),
            ("REDIS_URL", "redis://:hunter2@h:port"),
            ("REDIS_URL", "redis://:hunter2@h:99999"),
            ("REDIS_URL", "redis://[hunter2"),
            ("REDIS_URL", "redis://h?socket_timeout=hunter2"),
            ("REDIS_URL", "redis://h?socket_timeout=0"),
            ("REDIS_URL", "redis://h/0?nonsense=1"),
            ("REDIS_URL", "redis://h?decode_responses=1"),
            ("REDIS_URL", "rediss://h?ssl_cert_reqs=hunter2"),
            ("REDIS_URL", "redis://h/staging"),
            ("REDIS_URL", "redis://h/1/2"),
            ("REDIS_URL", "redis://:hunter2/@h"),
            ("REDIS_URL", "redis://h/0#hunter2"),
            ("REDIS_URL", "unix://"),
            ("DATABASE_URL", "hunter2"),
            ("DATABASE_URL", "postgresql://u:hunter2@h:port/n"),
            ("DATABASE_URL", "oracle+hunter2://h/n"),
            ("DATABASE_URL", "postgresql+psycopg2://u:hunter2@h/n"),
            ("DATABASE_URL", "postgresql://u:hunter2@h:99999/n"),
            ("DATABASE_URL", "postgresql://h/n?nonsense=hunter2"),
            ("DATABASE_URL", "postgresql://h/n?sslmode=hunter2"),
            ("DATABASE_URL", "postgresql://h/n?connect_timeout=hunter2"),
            ("DATABASE_URL", "postgresql://h/n?prepare_threshold=0"),
            ("DATABASE_URL", "sqlite:////data/t.db?nonsense=1"),
            ("DATABASE_URL", "sqlite:////data/t.db?timeout=hunter2"),
            ("DATABASE_URL", "sqlite://"),
            ("DATABASE_URL", "sqlite:///:memory:"),
            ("SECRET_KEY", "hunter2"),
            ("COINGECKO_API_KEY", "hunter2 and more"),
            ("COINGECKO_URL", "https://h/api/v3?x_cg_demo_api_key=hunter2"),
            ("COINGECKO_URL", "ftp://u:hunter2@h"),
            ("KRAKEN_URL", "http://h:hunter2/api"),
            ("KRAKEN_URL", "http://[hunter2"),
            ("KRAKEN_URL", "http://:80"),
        ],
    )
    def test_what_may_hold_a_secret_is_not_shown(self, variable: str, text: str) -> None:
        line = refusal(**{variable: text})
        assert line.startswith(f"{variable}=(hidden) is not accepted; accepted: ")
        assert "hunter2" not in line

    def test_a_line_end_in_a_value_does_not_end_the_line(self) -> None:
        assert refusal(TRACKER_COINS="1\n2").splitlines() == [
            'TRACKER_COINS="1\\n2" is not accepted; accepted: ' + COINS
        ]

    def test_bytes_that_are_no_text_are_refused(self) -> None:
        line = "SECRET_KEY is not accepted; accepted: text in UTF-8"
        assert refusal(SECRET_KEY="hunter22\udcff") == line

    def test_the_pro_plan_needs_a_key(self) -> None:
        assert "needs COINGECKO_API_KEY" in refusal(COINGECKO_API_PLAN="pro")
        key = {"COINGECKO_API_KEY": "CG-abc", "COINGECKO_API_PLAN": "pro"}
        assert load(key).api_plan == "pro"


def test_the_reference_has_every_setting_in_order() -> None:
    """Its table is the one that follows from `Settings`: variable, default as shown, meaning."""
    lines = (ROOT / "docs/reference.md").read_text().splitlines()
    begin = lines.index(HEADER) + 2
    table = list(takewhile(lambda line: line.startswith("|"), lines[begin:]))
    assert table == [
        f"| `{spec['env']}` | {spec['shown']} | {spec['meaning']} |"
        for spec in (field.metadata for field in fields(Settings))
    ]
