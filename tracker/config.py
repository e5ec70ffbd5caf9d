"""The settings, read from the environment and checked.

Each field of `Settings` holds its variable, its default as shown, and its meaning:
a test compares docs/reference.md with them. Nothing here connects to anything, and what
parses a URL is imported when there is one: not every process needs it.
"""

import json
import math
import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tracker.errors import ConfigError
from tracker.market.coins import Coins
from tracker.market.freshness import STALE_AFTER
from tracker.market.quotes import Market

if TYPE_CHECKING:
    from sqlalchemy import URL

ROOT = Path(__file__).resolve().parent.parent
SQLITE = f"sqlite:///{ROOT / 'instance' / 'tracker.db'}"

MAX_COINS = 250
"""One page of CoinGecko's; also the most coins that a reader of the stream may name."""

DEMO_INTERVAL_S = 300
"""A Demo key of CoinGecko has 10,000 calls a month: one in five minutes makes 8,640."""
DEMO_RATES_INTERVAL_S = 3600
"""And one for exchange rates in an hour makes 720 more."""
RATES_INTERVAL_S = 600

EXCHANGE_URLS = {
    "kraken": "https://api.kraken.com",
    "bitstamp": "https://www.bitstamp.net",
    "binance": "https://data-api.binance.vision",
    "gemini": "https://api.gemini.com",
}

DEFAULT_PORTS = {"http": 80, "https": 443}

Parse = Callable[[str], Any]


def whole(low: int, high: int) -> Parse:
    """Return a parser of whole numbers from *low* to *high*."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def one_of(*words: str) -> Parse:
    """Return a parser that takes one of *words*, in any case, as written here."""
    by_lower = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        if text.lower() not in by_lower:
            raise ValueError(" or ".join(words))
        return by_lower[text.lower()]

    return parse


def matching(pattern: str, accepted: str, convert: Callable[[str], str] = str) -> Parse:
    """Return a parser of texts that match *pattern* in full."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(accepted)
        return convert(text)

    return parse


currency = matching(r"[A-Za-z]{2,10}", "a currency's code in letters, as usd or eur", str.lower)
api_key = matching(r"[\x21-\x7e]+", "the key as CoinGecko shows it")
secret_key = matching(r".{8,}", "at least 8 characters")


def base_url(text: str) -> str:
    """Return the URL of a service, without a slash at its end."""
    with suppress(ValueError):
        parts = urlsplit(text)
        is_service = re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", text) and parts.hostname
        if is_service and parts.port != 0:  # a port beyond 65535 raises
            return text.rstrip("/")
    raise ValueError("an http:// or https:// URL without a query")


REDIS_OPTIONS = re.compile(
    r"db|password|username|client_name|health_check_interval|retry_on_timeout"
    r"|socket_(connect_timeout|timeout|keepalive)|ssl_\w+"
)
"""What a Redis URL's query may set: redis-py takes more, also what changes all that it returns."""


def redis_url(text: str) -> str:
    """Return *text* if redis-py would connect with it, to the database that it names."""
    with suppress(ValueError):
        parts = urlsplit(text)
        is_socket = parts.scheme == "unix"
        names_one = parts.path if is_socket else re.fullmatch(r"/?|/[0-9]{1,9}/?", parts.path)
        is_address = re.fullmatch(r"(rediss?|unix)://\S+", text) and parts.port != 0
        if is_address and names_one and not parts.fragment:
            if parts.query:
                _check_redis_options(text, parts.query)
            return text
    raise ValueError(
        "a redis://, rediss:// or unix:// URL, whose path and query name only what redis-py knows, "
        "as redis://:password@host:6379/0"
    )


def _check_redis_options(url: str, query: str) -> None:
    """Raise `ValueError` unless redis-py can make a connection with *query*, and wait for it."""
    from redis import Redis
    from redis.exceptions import RedisError

    given = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    if not all(REDIS_OPTIONS.fullmatch(name) and len(given[name]) == 1 for name in given):
        raise ValueError("an unknown option")
    try:
        with Redis.from_url(url) as client:
            pool = client.connection_pool
            pool.make_connection()
    except (TypeError, RedisError) as error:
        raise ValueError("an option that redis-py refuses") from error
    for name in ("socket_timeout", "socket_connect_timeout"):
        if not 0 < pool.connection_kwargs.get(name, 1) < math.inf:
            raise ValueError("no time at all")


def database_url(text: str) -> str:
    """Return an SQLAlchemy URL; a PostgreSQL one, also Heroku's short form, for psycopg.

    A relative path of SQLite is resolved; a database in memory could not be shared.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        url = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", text))
        _check_database_options(url)
        if url.get_backend_name() == "sqlite":
            path = url.database
            if not path or path == ":memory:":
                raise ValueError("a database in memory")  # noqa: TRY301
            url = url.set(database=path if path.startswith("file:") else str(Path(path).absolute()))
    except (ArgumentError, NoSuchModuleError, ImportError, TypeError, ValueError):
        raise ValueError(
            "an SQLAlchemy URL whose driver is installed and knows its options, "
            "as sqlite:////data/tracker.db or postgresql://user:password@host/name"
        ) from None
    return url.render_as_string(hide_password=False)


NO_SERVER: dict[str, Any] = {"host": "/dev/null", "hostaddr": "", "port": ""}
"""Where libpq connects to nothing, after it has checked its options."""


def _check_database_options(url: "URL") -> None:
    """Raise `TypeError` or `ValueError` if the driver of *url* refuses what its query sets."""
    import warnings

    dialect, driver = url.get_dialect()(), url.get_dialect().import_dbapi()
    with warnings.catch_warnings(action="error"):  # SQLAlchemy leaves out what SQLite knows not
        try:
            _, options = dialect.create_connect_args(url)
        except Warning as warning:
            raise ValueError("an unknown option") from warning
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("no port")
    try:
        if url.get_driver_name() == "pysqlite":
            driver.connect(":memory:", **options).close()
        elif url.get_driver_name() == "psycopg":
            options.pop("context", None)  # SQLAlchemy's own
            driver.conninfo.make_conninfo(**options)  # psycopg's own are no text
            driver.connect(**{**options, **NO_SERVER})
    except driver.Error as error:
        if NO_SERVER["host"] not in str(error):
            raise ValueError("an option that the driver refuses") from error


def origins(text: str) -> tuple[str, ...]:
    """Return the origins in a comma-separated list as browsers send them; `*` allows all."""
    if text == "*":
        return ("*",)
    with suppress(ValueError):
        return tuple(_origin(word.strip()) for word in text.split(","))
    raise ValueError("* or origins as https://a.example:8443, separated by commas")


def _origin(text: str) -> str:
    """Return scheme, host and port in lower case, without the scheme's own port.

    A name with letters beyond ASCII becomes the one that browsers send, as in RFC 6454.
    """
    parts = urlsplit(text)
    host = (parts.hostname or "").encode("idna").decode()
    if parts.netloc.startswith("["):
        host = f"[{ip_address(host)}]"
    elif not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", host):
        raise ValueError("no host")
    port = parts.port
    rest = (parts.username, parts.path.strip("/"), parts.query, parts.fragment)
    if parts.scheme not in DEFAULT_PORTS or any(rest) or parts.netloc.endswith(":") or port == 0:
        raise ValueError("more or less than an origin")
    is_its_own = port in (None, DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" if is_its_own else f"{parts.scheme}://{host}:{port}"


def coins(text: str) -> Coins:
    """Return the coins of a list with commas: one number at most, and names, each once."""
    words = list(dict.fromkeys(filter(None, (word.strip().lower() for word in text.split(",")))))
    numbers = [word for word in words if re.fullmatch(r"[0-9]+", word)]
    names = tuple(word for word in words if word not in numbers)
    with suppress(ValueError):
        found = Coins(whole(1, MAX_COINS)(numbers[0]) if numbers else 0, names)
        are_names = all(
            name.isprintable() and re.fullmatch(r'[^\s"]{1,100}', name) for name in names
        )
        if len(numbers) <= 1 and 1 <= found.most <= MAX_COINS and are_names:
            return found
    raise ValueError(
        f"how many, or which, with commas: 10, bitcoin,monero or 10,monero; {MAX_COINS} at most"
    )


def exchange_names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list of exchanges; `none` is no exchange."""
    found = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    if found == ("none",):
        return ()
    if not set(found) <= set(EXCHANGE_URLS):
        raise ValueError(f"none, or of {', '.join(EXCHANGE_URLS)}, separated by commas")
    return found


class Target(NamedTuple):
    """Where alerts go: an Apprise URL, which is a secret, by a name that is none."""

    name: str
    url: str


_TARGET = re.compile(r"(?:(?P<name>[A-Za-z][A-Za-z0-9_-]{0,19})=)?(?P<url>[A-Za-z0-9]{2,20}://\S+)")
MAX_TARGETS = 20


def notify_targets(text: str) -> tuple[Target, ...]:
    """Return the targets of a list with spaces; one without a name has its service's, numbered."""
    found: dict[str, Target] = {}
    for word in text.split():
        if (match := _TARGET.fullmatch(word)) is None:
            raise ValueError(_TARGETS_ACCEPTED)
        service = match["url"].partition("://")[0].lower()
        name = (match["name"] or service).lower()
        if name in found and match["name"]:
            raise ValueError(f"{_TARGETS_ACCEPTED}; two have the name {name}")
        others = (f"{service}{number}" for number in range(2, MAX_TARGETS + 2))
        name = next(one for one in (name, *others) if one not in found)
        found[name] = Target(name, match["url"])
    if len(found) > MAX_TARGETS:
        raise ValueError(f"at most {MAX_TARGETS} Apprise URLs")
    return tuple(found.values())


_TARGETS_ACCEPTED = (
    "Apprise URLs separated by spaces, each with a name if you like: "
    "phone=ntfys://TOPIC mailtos://USER:PASSWORD@HOST"
)


def notify(text: str) -> str:
    """Return *text* if it is a list of targets."""
    notify_targets(text)
    return text


def setting(
    env: str, default: Any, parse: Parse, meaning: str, *, shown: str = "", secret: bool = False
) -> Any:
    """Return the field of one setting; *shown* is its default for the reference."""
    shown = shown or str(default)
    spec = {"env": env, "parse": parse, "meaning": meaning, "shown": shown, "secret": secret}
    return field(default=default, metadata=spec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. Times are in seconds."""

    port: int = setting("PORT", 8000, whole(1, 65535), "where the web listens, on IPv4 and IPv6")
    web_concurrency: int = setting("WEB_CONCURRENCY", 1, whole(1, 64), "how many web processes")
    redis_url: str | None = setting(
        "REDIS_URL",
        None,
        redis_url,
        "`redis://`, `rediss://` (Heroku's self-signed certificates work), `unix://`",
        shown="embedded",
        secret=True,
    )
    database_url: str = setting(
        "DATABASE_URL",
        SQLITE,
        database_url,
        "any SQLAlchemy URL; Heroku's `postgres://` is understood",
        shown="SQLite in `instance/`",
        secret=True,
    )
    secret_key: str | None = setting(
        "SECRET_KEY", None, secret_key, "Flask's", shown="random at start", secret=True
    )
    source: str = setting(
        "TRACKER_SOURCE", "coingecko", one_of("coingecko", "simulated"), "or `simulated`"
    )
    coins: Coins = setting(  # noqa: RUF009 - it is frozen
        "TRACKER_COINS",
        Coins(10),
        coins,
        f"how many by market cap (1 to {MAX_COINS}), or which: `bitcoin,monero`, or both:"
        " `10,monero,kaspa`. CoinGecko's ids; a symbol is taken for the largest coin of that"
        " symbol",
    )
    currency: str = setting("TRACKER_CURRENCY", "usd", currency, "the currency of every price")
    interval: int = setting(
        "TRACKER_INTERVAL",
        5,
        whole(1, 86400),
        "seconds between two ticks (1 or more)",
        shown="5 (60 with `TRACKER_EXCHANGES=none`)",
    )
    exchanges: tuple[str, ...] = setting(
        "TRACKER_EXCHANGES",
        ("kraken", "bitstamp"),
        exchange_names,
        "exchanges whose prices are used between two answers of CoinGecko:"
        " of `kraken`, `bitstamp`, `binance`, `gemini`; `none`",
        shown="kraken,bitstamp",
    )
    coingecko_interval: int = setting(
        "COINGECKO_INTERVAL",
        60,
        whole(1, 86400),
        "seconds between two requests to CoinGecko: which coins, how large, from where prices are"
        " judged",
        shown="60 (with a Demo key 300, or 600 if `TRACKER_COINS` has a number and names)",
    )
    api_key: str | None = setting(
        "COINGECKO_API_KEY", None, api_key, "a CoinGecko key", shown="none", secret=True
    )
    api_plan: str = setting(
        "COINGECKO_API_PLAN", "demo", one_of("demo", "pro"), "which kind of key: `demo` or `pro`"
    )
    coingecko_url: str | None = setting(
        "COINGECKO_URL", None, base_url, "base URL of the API", shown="by plan", secret=True
    )
    kraken_url: str = setting(
        "KRAKEN_URL", EXCHANGE_URLS["kraken"], base_url, "base URL of Kraken", secret=True
    )
    bitstamp_url: str = setting(
        "BITSTAMP_URL", EXCHANGE_URLS["bitstamp"], base_url, "base URL of Bitstamp", secret=True
    )
    binance_url: str = setting(
        "BINANCE_URL", EXCHANGE_URLS["binance"], base_url, "base URL of Binance", secret=True
    )
    gemini_url: str = setting(
        "GEMINI_URL", EXCHANGE_URLS["gemini"], base_url, "base URL of Gemini", secret=True
    )
    heartbeat: int = setting(
        "TRACKER_HEARTBEAT",
        15,
        whole(1, 3600),
        "seconds of silence before the stream's status is sent again",
    )
    retry: int = setting("TRACKER_RETRY", 3, whole(1, 3600), "base of the reconnect delay, seconds")
    replay: int = setting(
        "TRACKER_REPLAY", 1000, whole(1, 100_000), "ticks kept in memory for reconnecting readers"
    )
    max_subscribers: int | None = setting(
        "TRACKER_MAX_SUBSCRIBERS",
        None,
        whole(1, 1_000_000),
        "readers of the stream, per web process",
        shown="from the file limit",
    )
    max_subscribers_per_ip: int = setting(
        "TRACKER_MAX_SUBSCRIBERS_PER_IP",
        100,
        whole(1, 1_000_000),
        "readers of the stream from one address, per web process",
    )
    trusted_proxies: int = setting(
        "TRACKER_TRUSTED_PROXIES", 0, whole(0, 10), "how many proxies in front set X-Forwarded-*"
    )
    cors_origins: tuple[str, ...] = setting(
        "TRACKER_CORS_ORIGINS",
        (),
        origins,
        "origins that may read `/stream` and `/api`: `*`, or as `https://a.example,https://b.example`",
        shown="none",
    )
    rate_limit: int = setting(
        "TRACKER_RATE_LIMIT",
        300,
        whole(0, 1_000_000),
        "requests of `/api` in a minute from one address; 0: as many as one likes",
    )
    retention_days: int = setting(
        "TRACKER_RETENTION_DAYS",
        7,
        whole(1, 3650),
        "how long single ticks are kept; hourly candles stay",
    )
    admin_password: str | None = setting(
        "ADMIN_PASSWORD",
        None,
        matching(r".{8,1000}", "at least 8 characters"),
        "of the user `admin` of `/admin/`",
        shown="none: no admin",
        secret=True,
    )
    notify: str | None = setting(
        "TRACKER_NOTIFY",
        None,
        notify,
        "where alerts of the server go: Apprise URLs, separated by spaces, each with a name if you"
        " like: `phone=ntfys://TOPIC` (secret); see [alerts.md](alerts.md)",
        shown="none",
        secret=True,
    )
    url: str | None = setting(
        "TRACKER_URL",
        None,
        base_url,
        "base URL of the page, as `https://prices.example.org`: alerts link to it",
        shown="none",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        "INFO",
        one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        "how much is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`",
    )
    log_format: str = setting(
        "LOG_FORMAT", "logfmt", one_of("logfmt", "json"), "one line per event: `logfmt` or `json`"
    )

    @property
    def known_redis_url(self) -> str:
        """The `redis_url`. Raises `ConfigError` if none is set."""
        if self.redis_url is None:
            raise ConfigError(
                "REDIS_URL is not set; accepted: redis://, rediss:// or unix://; "
                "`make run` brings a Redis of its own"
            )
        return self.redis_url

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where alerts go."""
        return notify_targets(self.notify or "")

    @property
    def market(self) -> Market:
        """The market whose prices are fetched and shown."""
        return Market(self.source, self.currency)

    @property
    def coingecko_requests(self) -> int:
        """How many requests one answer of CoinGecko takes: the top, and the coins by name."""
        return _requests(self.coins)

    @property
    def source_interval(self) -> int:
        """Seconds between two requests to the source itself."""
        return self.interval if self.source == "simulated" else self.coingecko_interval

    @property
    def rates_interval(self) -> int:
        """Seconds between two requests for exchange rates."""
        has_demo_key = self.source == "coingecko" and self.api_key and self.api_plan == "demo"
        return DEMO_RATES_INTERVAL_S if has_demo_key else RATES_INTERVAL_S

    @property
    def rates_old_after_ms(self) -> int:
        """The age in ms at which exchange rates are said to be old: three times their interval."""
        return STALE_AFTER * 1000 * self.rates_interval

    @property
    def stale_after_ms(self) -> int:
        """The age in ms at which prices are stale: three times the source's interval."""
        return STALE_AFTER * 1000 * max(self.interval, self.source_interval)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in *environ*; an empty variable counts as not set.

    Raises `ConfigError` with one line that names the variable, its value
    (hidden where it may hold a secret) and what is accepted.
    """
    given = {
        spec.name: _parse(spec.metadata, text)
        for spec in fields(Settings)
        if (text := environ.get(spec.metadata["env"], "").strip())
    }
    settings = Settings(**{"secret_key": secrets.token_urlsafe(32), **_intervals(given), **given})
    if settings.api_plan == "pro" and not settings.api_key:
        raise ConfigError(
            'COINGECKO_API_PLAN="pro" needs COINGECKO_API_KEY; accepted without a key: demo'
        )
    return settings


def _intervals(given: Mapping[str, Any]) -> dict[str, int]:
    """Return the intervals that follow from what else is *given*."""
    has_demo_key = "api_key" in given and given.get("api_plan", "demo") == "demo"
    requests = _requests(given.get("coins", Coins()))
    coingecko_interval = requests * DEMO_INTERVAL_S if has_demo_key else 60
    if given.get("exchanges") != () or given.get("source") == "simulated":
        return {"coingecko_interval": coingecko_interval}
    return {"interval": 60, "coingecko_interval": given.get("interval", coingecko_interval)}


def _requests(coins: Coins) -> int:
    return 2 if coins.top and coins.names else 1


def _parse(spec: Mapping[str, Any], text: str) -> Any:
    try:
        text.encode()
        return spec["parse"](text)
    except UnicodeEncodeError:
        raise ConfigError(f"{spec['env']} is not accepted; accepted: text in UTF-8") from None
    except ValueError as error:
        shown = "(hidden)" if spec["secret"] else json.dumps(text, ensure_ascii=False)
        raise ConfigError(f"{spec['env']}={shown} is not accepted; accepted: {error}") from None


def sqlite_path(database_url: str) -> Path | None:
    """Return the file of a SQLite database; None for any other.

    Without SQLAlchemy, which would stay in the launcher's memory.
    """
    scheme, _, rest = database_url.partition("://")
    path = rest.removeprefix("/").partition("?")[0]
    return Path(unquote(path)) if scheme.partition("+")[0] == "sqlite" and path else None
