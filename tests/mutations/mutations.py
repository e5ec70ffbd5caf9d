"""All mutations: what matters most of the product, each broken in a small way.

Each is a mistake that somebody could make. Whoever changes a text that stands
here changes it here as well: `tests/mutations/test_mutations.py` says where.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    """One way to break the code, named `where: what is wrong then`."""

    name: str
    file: str
    """From the root of the project."""
    text: str
    """What is replaced: it occurs once in the file."""
    broken: str
    caught_by: str
    """The quickest test that fails then, by its node id in pytest."""


# fmt: off
BROKEN = {  # by file and the file of its tests: name, text, what it is replaced by, test
    ("worker/jobs.py", "tests/worker/test_jobs.py"): [
        ("worker: a tick is not published",
         "    publish(backend.feed, Message(saved.state, TickJson.of_tick(saved.tick),"
         " saved.previous))\n",
         "",
         "TestSuccess::test_the_message_names_the_tick_before"),
        ("worker: a tick is published before it is committed",
         "    saved = backend.store.save(\n",
         "    from tracker.market.quotes import Tick\n"
         "    early = Tick(id=at, currency='usd', source='x', quotes=tuple(fetched.quotes))\n"
         "    publish(backend.feed, Message(SourceState(), TickJson.of_tick(early)))\n"
         "    saved = backend.store.save(\n",
         "TestSuccess::test_a_tick_is_committed_before_it_is_published"),
        ("worker: the message does not name the tick before",
         "Message(saved.state, TickJson.of_tick(saved.tick), saved.previous)",
         "Message(saved.state, TickJson.of_tick(saved.tick))",
         "TestSuccess::test_the_message_names_the_tick_before"),
        ("worker: an answer of 304 does not count as fresh",
         "        state = backend.store.save_confirmation(\n"
         "            at=at, next_attempt_at=at + interval_ms, etag=before.etag\n"
         "        )\n",
         "        state = before\n",
         "TestUnchanged::test_it_makes_no_tick_but_counts_as_fresh"),
        ("worker: Retry-After is ignored",
         "if error.retry_after is not None:", "if False:",
         "TestSkip::test_a_source_that_asked_to_wait_is_left_alone_until_then"),
    ],
    ("tracker/market/freshness.py", "tests/worker/test_jobs.py"): [
        ("worker: a refresh too soon after another is not skipped",
         "abs(now - source.attempted_at) < interval / 2", "abs(now - source.attempted_at) < 0",
         "TestSkip::test_prices_younger_than_half_the_interval_are_not_fetched_again"),
    ],
    ("worker/sources/http.py", "tests/worker/sources/test_coingecko_responses.py"): [
        ("worker: prices become floats on their way",
         "parse_float=NUMBERS.create_decimal", "parse_float=float",
         "TestQuotes::test_a_price_keeps_its_digits"),
    ],
    ("worker/scheduler.py", "tests/worker/test_scheduler.py"): [
        ("scheduler: a Redis that was emptied is not filled again",
         "if was_set_back or job.id not in self:", "if was_set_back:",
         "TestSchedule::test_a_redis_that_was_emptied_is_filled_again"),
        ("scheduler: its lock keeps nobody out",
         "px=LOCK_MS, nx=True", "px=LOCK_MS",
         "TestSchedule::test_the_lock_of_one_that_was_killed_is_free_after_two_seconds"),
    ],
    ("tracker/storage/ticks.py", "tests/storage/test_ticks.py"): [
        ("store: of two workers at once both save",
         "if previous is not None and abs(at - previous) < min_gap:", "if False:",
         "TestIds::test_a_tick_too_soon_after_another_is_not_stored"),
        ("store: directions are told against the tick before the last",
         "            prices = {quote.id: quote.price",
         "            before = self._newest(connection, 2)\n"
         "            prices = {quote.id: quote.price",
         "TestDirection::test_it_is_the_last_tick_that_counts_not_one_before_it"),
        ("store: ids follow the clock when it steps back",
         "_tick(max(at, newest_of_all + 1)", "_tick(at",
         "TestIds::test_they_rise_though_the_clock_steps_back"),
    ],
    ("tracker/market/candles.py", "tests/market/test_candles.py"): [
        ("history: a candle's high is its last part's",
         "max(self.high, later.high)", "later.high",
         "TestFromPoints::test_in_two_parts_they_come_out_the_same"),
    ],
    ("tracker/storage/rollup.py", "tests/storage/test_history.py"): [
        ("history: the young ticks are deleted, not the old",
         "TickRow.id <= oldest[-1]", "TickRow.id >= oldest[-1]",
         "TestPrune::test_what_is_older_goes_and_its_candles_stay"),
        ("history: the newest tick is deleted when it is old",
         "end = min(before, newest, self._mark(connection) + 1)",
         "end = min(before, self._mark(connection) + 1)",
         "TestPrune::test_the_newest_tick_stays"),
    ],
    ("tracker/storage/rollup.py", "tests/worker/test_jobs.py"): [
        ("history: a week that was interrupted is not made up",
         "return any(not self._is_filled(connection, first) for first in firsts)", "return False",
         "TestWeek::test_the_week_before_is_asked_for_until_it_is_filled"),
    ],
    ("migrations/versions/0003_display_name_and_hidden.py", "tests/storage/test_migrations.py"): [
        ("migrations: coins that were there already are hidden",
         "server_default=sa.false()", "server_default=sa.true()",
         "test_coins_that_were_there_before_they_could_be_hidden_are_shown"),
    ],
    ("tracker/messaging/feed.py", "tests/messaging/test_feed.py"): [
        ("feed: a subscription that went deaf is trusted",
         "elif now - probe_sent_at > PROBE_TIMEOUT_S:", "elif False:",
         "TestTrouble::test_a_connection_or_a_subscription_alone_that_goes_deaf_is_noticed"),
        ("feed: the first event after a reconnection is gapless",
         "                    yield FeedEvent()\n",
         "                    yield FeedEvent(gapless=True)\n",
         "TestListen::test_the_first_event_is_not_gapless_and_silence_is_while_probes_come_back"),
    ],
    ("tracker/relay.py", "tests/test_relay.py"): [
        ("relay: the tick before is not compared",
         "        if message.previous != self.state.id:\n            self._sync",
         "        if False:\n            self._sync",
         "test_ticks_that_were_committed_but_not_published_are_found_by_the_next_one"),
        ("relay: what the feed may have missed is not looked for",
         "if not event.gapless or not self.database.answers", "if not self.database.answers",
         "test_a_malformed_message_makes_it_read_the_database"),
        ("relay: the clock does not make it look",
         " or time.monotonic() > overdue_at:", ":",
         "test_a_tick_that_was_not_published_is_found_by_the_clock"),
        ("relay: of too many missed ticks the oldest are sent",
         "missed=missed[-self._replay :]", "missed=missed[: self._replay]",
         "test_more_missed_ticks_than_are_replayed_are_a_gap_that_readers_are_told"),
        ("relay: what the database has when it is read late is history",
         "        if newest_id is None:\n            newest_id = ticks[-2].id",
         "        if is_first:\n            newest_id = ticks[-2].id",
         "test_a_database_that_is_read_late_has_what_readers_lack_since_the_feeds_first_tick"),
        ("relay: a gap is not told",
         "has_gap=len(missed) > self._replay", "has_gap=False",
         "test_more_missed_ticks_than_are_replayed_are_a_gap_that_readers_are_told"),
        ("relay: prices that became stale are not told as such",
         "                self._on_event(event)\n                self._send_status()",
         "                self._on_event(event)\n"
         "                if event.message:\n"
         "                    self._send_status()",
         "test_the_status_goes_from_starting_to_live_to_stale_and_each_is_sent"),
        ("relay: a reader from a process ahead is not caught up with",
         "while may_be_found():", "while False:",
         "test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice"),
        ("relay: who comes just after a look for ticks is not caught up with",
         "                time.sleep(early)\n                continue\n",
         "                return\n",
         "test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice"),
    ],
    ("tracker/market/freshness.py", "tests/market/test_freshness.py"): [
        ("status: prices are stale after thirty intervals",
         "STALE_AFTER = 3\n", "STALE_AFTER = 30\n",
         "test_prices_are_stale_after_three_intervals"),
    ],
    ("tracker/stream/hub.py", "tests/stream/test_hub.py"): [
        ("hub: who has left is not forgotten",
         "            members.discard(sub)\n", "",
         "test_who_hangs_up_is_gone_without_a_write"),
        ("hub: the place of who has left is not free",
         "        self.admission.leave(sub.client, sub.variant)\n", "",
         "test_who_hangs_up_is_gone_without_a_write"),
        ("hub: a byte is dropped after a partial send",
         "sub.pending, sub.offset = data, sent", "sub.pending, sub.offset = data, sent + 1",
         "test_what_is_sent_in_pieces_arrives_whole"),
        ("hub: a frame that was taken in part is sent again from its beginning",
         "sub.pending, sub.offset = data, sent", "sub.pending, sub.offset = data, 0",
         "test_what_is_sent_in_pieces_arrives_whole"),
        ("hub: who falls behind gets the frame twice",
         "        sub.position = self._replay.end\n",
         "        sub.position = self._replay.end - 1\n",
         "test_a_slow_reader_loses_nothing_within_the_ring_and_nobody_waits_for_it"),
        ("hub: who was lapped is not told what it missed",
         "return sub.encoded(_verdict(str(sub.cursor), recovered=False))",
         "return sub.encoded(HEARTBEAT)",
         "test_a_reader_that_falls_out_of_the_ring_is_told_what_it_missed"),
        ("hub: a gap is not told to those who are there",
         "if after_gap and superseded is not None:", "if False:",
         "test_after_a_gap_everybody_is_told_and_older_ids_are_no_longer_known"),
        ("hub: there is no heartbeat",
         "if now - self._spoke_at >= self._heartbeat_after:", "if False:",
         "test_silence_lasts_as_long_as_is_set"),
        ("hub: heartbeats come at half the rate",
         "if now - self._spoke_at >= self._heartbeat_after:",
         "if now - self._spoke_at >= self._heartbeat_after * 2:",
         "test_silence_lasts_as_long_as_is_set"),
        ("hub: a reader that never reads is never cut",
         "if now - s.moved_at > self._stall_limit]", "if False]",
         "test_a_reader_that_never_reads_is_let_go_and_no_other"),
        ("hub: all readers return in step",
         "self._retry * random.uniform(500, 1500)", "self._retry * 1000",
         "test_reconnect_delays_differ_and_lie_around_the_setting"),
        ("hub: the last byte of what was pending is dropped",
         "sent = sub.sock.send(memoryview(sub.pending)[sub.offset :])",
         "sent = sub.sock.send(memoryview(sub.pending)[sub.offset : -1]) + 1",
         "test_what_is_sent_in_pieces_arrives_whole"),
    ],
    ("tracker/stream/replay_buffer.py", "tests/stream/test_hub.py"): [
        ("hub: who returns gets its last frame again",
         "return None if position is None else position + 1", "return position",
         "test_who_returns_gets_all_since_each_once"),
        ("hub: who returns misses a frame",
         "return None if position is None else position + 1",
         "return None if position is None else min(position + 2, self.end)",
         "test_who_returns_gets_all_since_each_once"),
        ("hub: a frame is taken twice",
         "frame.id <= self.newest.id", "frame.id < self.newest.id",
         "test_an_id_that_does_not_rise_is_refused"),
    ],
    ("tracker/stream/replay_buffer.py", "tests/stream/test_replay_buffer.py"): [
        ("hub: after a gap older ids are still replayed",
         "        if after_gap:\n            self._clear()\n", "",
         "test_after_a_gap_no_id_is_known_and_everybody_is_behind"),
    ],
    ("tracker/stream/frames.py", "tests/stream/test_frames.py"): [
        ("frames: a gzip block is not flushed",
         "deflate.flush(zlib.Z_FULL_FLUSH)", "deflate.flush(zlib.Z_NO_FLUSH)",
         "test_gzip_pieces_make_one_stream_from_wherever_it_is_joined"),
        ("frames: an event's name forges fields",
         "if _LINE_END.search(event):", "if False:",
         "test_an_events_name_cannot_forge_fields"),
    ],
    ("tracker/web/api/stream.py", "tests/web/api/test_stream.py"): [
        ("stream: the header Last-Event-ID counts less than the address",
         'request.headers.get("Last-Event-ID") or request.args.get("last_event_id")',
         'request.args.get("last_event_id") or request.headers.get("Last-Event-ID")',
         "test_a_browsers_header_counts_more_than_the_address_it_began_with"),
    ],
    ("tracker/web/api/prices.py", "tests/web/api/test_prices.py"): [
        ("api: the ETag of the prices never changes",
         "response.set_etag(str(newest.id))", 'response.set_etag("prices")',
         "test_who_has_it_already_gets_304"),
    ],
    ("tracker/web/__init__.py", "tests/web/api/test_stream.py"): [
        ("api: pages of every origin may read",
         "origins=list(settings.cors_origins),", 'origins="*",',
         "test_pages_of_allowed_origins_may_read_and_others_may_not"),
    ],
    ("tracker/web/middleware/rate_limit.py", "tests/web/middleware/test_rate_limit.py"): [
        ("api: requests are not counted against the limit",
         'wait_s = services().rate_limits.hit(per_minute, "api", network)', "wait_s = None",
         "test_one_request_too_many_gets_429_with_the_time_to_retry"),
    ],
    ("tracker/server/request_limits.py", "tests/server/test_request_limits.py"): [
        ("requests: a line has no limit",
         "if len(line) == MAX_LINE:", "if False:",
         "test_it_is_refused_at_once_and_the_connection_ends"),
    ],
    ("tracker/web/middleware/client_address.py", "tests/admin/test_auth.py"): [
        ("requests: X-Forwarded-For is believed to strangers",
         "    if hops:\n", "    hops = hops or 1\n    if hops:\n",
         "TestAttempts::test_an_address_is_not_what_its_sender_says"),
    ],
    ("tracker/admin/auth.py", "tests/admin/test_auth.py"): [
        ("admin: the user's name alone opens the door",
         "return all(right)", "return any(right)",
         "TestWithoutASession::test_user_and_password_must_be_right"),
        ("admin: a change needs no token",
         "        _csrf.protect()\n", "        pass\n",
         "TestChanges::test_they_need_the_sessions_token"),
    ],
    ("tracker/logs/setup.py", "tests/logs/test_setup.py"): [
        ("logs: secrets are written out",
         "self._redact(value) if isinstance(value, str) else value", "value",
         "TestLine::test_secrets_and_passwords_in_urls_are_hidden"),
    ],
    ("tracker/stream/hub.py", "tests/monitoring/test_metrics.py"): [
        ("metrics: readers that were dropped are not counted",
         "        self.stats.left[why] += 1\n", "",
         "TestStream::test_a_slow_reader_that_misses_ticks_and_stalls_is_told_as_such"),
    ],
    ("tracker/monitoring/readiness.py", "tests/monitoring/test_readiness.py"): [
        ("health: ready though Redis is away",
         'return "Redis cannot be reached, or does not deliver: prices come from the database"',
         "return None",
         "TestReadyz::test_without_redis_it_is_not_ready_until_it_is_back"),
    ],
    ("static/js/stream/deduplicator.js", "tests/js/test_js.py"): [
        ("page: ticks that are old or come twice are taken",
         "if (this.last !== null && tick.id <= this.last) return;", "",
         "test_the_pages_modules_pass_their_own_tests"),
    ],
    ("static/js/live/live.js", "tests/browser/test_live.py"): [
        ("page: the age of prices that are not live is not shown",
         'show("[data-age]", text !== "");', 'show("[data-age]", false);',
         "test_stale_prices_are_marked_with_their_age_until_new_ones_come"),
    ],
    ("static/js/alerts/rules.js", "tests/js/test_js.py"): [
        ("page: an alert is told again with each tick",
         "if (met === alert.met) return alert;", "if (!met && !alert.met) return alert;",
         "test_the_pages_modules_pass_their_own_tests"),
    ],
    ("static/js/alerts/store.js", "tests/js/test_js.py"): [
        ("page: every tab judges the alerts",
         "if (tick.id <= judged()) return;", "",
         "test_the_pages_modules_pass_their_own_tests"),
    ],
    ("static/js/stream/fan_out.js", "tests/js/test_js.py"): [
        ("page: a tab that returns to the shared stream lacks what it missed",
         "if (isFirst || this.#isBehind(last))", "if (isFirst)",
         "test_the_pages_modules_pass_their_own_tests"),
    ],
    ("static/js/stream/event_source.js", "tests/js/test_js.py"): [
        ("page: a stream that was given up is opened without the last id",
         "new EventSource(resuming(this.url, last))", "new EventSource(this.url)",
         "test_the_pages_modules_pass_their_own_tests"),
    ],
    ("static/js/table/table.js", "tests/browser/test_table.py"): [
        ("page: rows that have not changed places are moved",
         "if (!staying.has(index)) this.body", "this.body",
         "test_a_tick_touches_and_flashes_only_the_price_that_changed"),
    ],
    ("static/js/table/row.js", "tests/browser/test_table.py"): [
        ("page: what has not changed flashes",
         "before?.[key] !== quote[key];", "Boolean(key);",
         "test_a_tick_touches_and_flashes_only_the_price_that_changed"),
    ],
    ("static/js/table/sparkline.js", "tests/js/test_js.py"): [
        ("page: the line of the week is upside down",
         "(1 - height) *", "height *",
         "test_the_pages_modules_pass_their_own_tests"),
    ],
}
# fmt: on

MUTATIONS = [
    Mutation(name, file, text, broken, f"{tests}::{test}")
    for (file, tests), entries in BROKEN.items()
    for name, text, broken, test in entries
]
