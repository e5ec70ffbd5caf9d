"""All mutations: what matters most of the product, each broken in a small way.

Each is a mistake that somebody could make. Whoever changes a text that stands
here changes it here as well: `tests/mutations/test_mutations.py` says where.
"""

from __future__ import annotations

from tests.mutations.mutation import Mutation

OF_THE_WORKER = (
    Mutation(
        "worker: a tick is not published",
        "worker/jobs.py",
        "    publish(backend.feed, Message(saved.state, TickJson.of_tick(saved.tick)"
        ", saved.previous))\n",
        "",
        "tests/worker/test_jobs.py::TestSuccess::test_the_message_names_the_tick_before",
    ),
    Mutation(
        "worker: a tick is published before it is committed",
        "worker/jobs.py",
        "    saved = backend.store.save(\n",
        "    from tracker.market.quotes import Tick\n"
        "    early = Tick(id=at, currency='usd', source='x', quotes=tuple(fetched.quotes))\n"
        "    publish(backend.feed, Message(SourceState(), TickJson.of_tick(early)))\n"
        "    saved = backend.store.save(\n",
        "tests/worker/test_jobs.py::TestSuccess::test_a_tick_is_committed_before_it_is_published",
    ),
    Mutation(
        "worker: the message does not name the tick before",
        "worker/jobs.py",
        "Message(saved.state, TickJson.of_tick(saved.tick), saved.previous)",
        "Message(saved.state, TickJson.of_tick(saved.tick))",
        "tests/worker/test_jobs.py::TestSuccess::test_the_message_names_the_tick_before",
    ),
    Mutation(
        "worker: an answer of 304 does not count as fresh",
        "worker/jobs.py",
        "        state = backend.store.save_confirmation(\n"
        "            at=at, next_attempt_at=at + interval_ms, etag=before.etag\n"
        "        )\n",
        "        state = before\n",
        "tests/worker/test_jobs.py::TestUnchanged::test_it_makes_no_tick_but_counts_as_fresh",
    ),
    Mutation(
        "worker: Retry-After is ignored",
        "worker/jobs.py",
        "if error.retry_after is not None:",
        "if False:",
        "tests/worker/test_jobs.py::TestSkip"
        "::test_a_source_that_asked_to_wait_is_left_alone_until_then",
    ),
    Mutation(
        "worker: a refresh too soon after another is not skipped",
        "tracker/market/freshness.py",
        "abs(now - source.attempted_at) < interval / 2",
        "abs(now - source.attempted_at) < 0",
        "tests/worker/test_jobs.py::TestSkip"
        "::test_prices_younger_than_half_the_interval_are_not_fetched_again",
    ),
    Mutation(
        "worker: prices become floats on their way",
        "worker/sources/coingecko/responses.py",
        "parse_float=_number",
        "parse_float=float",
        "tests/worker/sources/test_coingecko.py::TestQuotes::test_a_price_keeps_its_digits",
    ),
    Mutation(
        "scheduler: a Redis that was emptied is not filled again",
        "worker/scheduler.py",
        "if was_set_back or job.id not in self:",
        "if was_set_back:",
        "tests/worker/test_scheduler.py::TestSchedule::test_a_redis_that_was_emptied_is_filled_again",
    ),
    Mutation(
        "scheduler: its lock keeps nobody out",
        "worker/scheduler.py",
        "px=LOCK_MS, nx=True",
        "px=LOCK_MS",
        "tests/worker/test_scheduler.py::TestSchedule"
        "::test_the_lock_of_one_that_was_killed_is_free_after_two_seconds",
    ),
)

OF_THE_DATABASE = (
    Mutation(
        "store: of two workers at once both save",
        "tracker/storage/ticks.py",
        "if previous is not None and abs(at - previous) < min_gap:",
        "if False:",
        "tests/storage/test_ticks.py::TestIds::test_a_tick_too_soon_after_another_is_not_stored",
    ),
    Mutation(
        "store: directions are told against the tick before the last",
        "tracker/storage/ticks.py",
        "            prices = {quote.id: quote.price",
        "            before = self._newest(connection, 2)\n"
        "            prices = {quote.id: quote.price",
        "tests/storage/test_ticks.py::TestDirection::test_it_is_the_last_tick_that_counts_not_one_before_it",
    ),
    Mutation(
        "store: ids follow the clock when it steps back",
        "tracker/storage/ticks.py",
        "id=max(at, newest_of_all + 1)",
        "id=at",
        "tests/storage/test_ticks.py::TestIds::test_they_rise_though_the_clock_steps_back",
    ),
    Mutation(
        "history: a candle's high is its last part's",
        "tracker/market/candles.py",
        "max(self.high, later.high)",
        "later.high",
        "tests/market/test_candles.py::TestFromPoints::test_in_two_parts_they_come_out_the_same",
    ),
    Mutation(
        "history: the young ticks are deleted, not the old",
        "tracker/storage/rollup.py",
        "TickRow.id <= oldest[-1]",
        "TickRow.id >= oldest[-1]",
        "tests/storage/test_history.py::TestPrune::test_what_is_older_goes_and_its_candles_stay",
    ),
    Mutation(
        "history: the newest tick is deleted when it is old",
        "tracker/storage/rollup.py",
        "end = min(before, newest, self._mark(connection) + 1)",
        "end = min(before, self._mark(connection) + 1)",
        "tests/storage/test_history.py::TestPrune::test_the_newest_tick_stays",
    ),
    Mutation(
        "history: a week that was interrupted is not made up",
        "tracker/storage/rollup.py",
        "return any(not self._is_filled(connection, first) for first in firsts)",
        "return False",
        "tests/worker/test_jobs.py::TestWeek::test_a_week_whose_filling_failed_is_asked_for_again",
    ),
    Mutation(
        "migrations: coins that were there already are hidden",
        "migrations/versions/0003_display_name_and_hidden.py",
        "server_default=sa.false()",
        "server_default=sa.true()",
        "tests/storage/test_migrations.py::test_coins_that_were_there_before_they_could_be_hidden_are_shown",
    ),
)

OF_THE_FEED = (
    Mutation(
        "feed: a subscription that went deaf is trusted",
        "tracker/messaging/feed.py",
        "elif now - self._probe_sent_at > PROBE_TIMEOUT_S:",
        "elif False:",
        "tests/messaging/test_feed.py::TestTrouble::test_a_subscription_that_goes_deaf_alone_is_noticed",
    ),
    Mutation(
        "feed: the first event after a reconnection is gapless",
        "tracker/messaging/feed.py",
        "                    yield FeedEvent()\n",
        "                    yield FeedEvent(gapless=True)\n",
        "tests/messaging/test_feed.py::TestListen::test_the_first_event_is_not_gapless",
    ),
    Mutation(
        "relay: the tick before is not compared",
        "tracker/relay.py",
        "        if message.previous != self.state.id:\n            self._sync",
        "        if False:\n            self._sync",
        "tests/test_relay.py"
        "::test_ticks_that_were_committed_but_not_published_are_found_by_the_next_one",
    ),
    Mutation(
        "relay: what the feed may have missed is not looked for",
        "tracker/relay.py",
        "if not event.gapless or not self.database.answers",
        "if not self.database.answers",
        "tests/test_relay.py::test_a_malformed_message_makes_it_read_the_database",
    ),
    Mutation(
        "relay: the clock does not make it look",
        "tracker/relay.py",
        " or time.monotonic() > overdue_at:",
        ":",
        "tests/test_relay.py::test_a_tick_that_was_not_published_is_found_by_the_clock",
    ),
    Mutation(
        "relay: of too many missed ticks the oldest are sent",
        "tracker/relay.py",
        "missed=missed[-self._replay :]",
        "missed=missed[: self._replay]",
        "tests/test_relay.py"
        "::test_more_missed_ticks_than_are_replayed_are_a_gap_that_readers_are_told",
    ),
    Mutation(
        "relay: what the database has when it is read late is history",
        "tracker/relay.py",
        "        if newest_id is None:\n            newest_id = ticks[-2].id",
        "        if is_first:\n            newest_id = ticks[-2].id",
        "tests/test_relay.py"
        "::test_a_database_that_is_read_late_has_what_readers_lack_since_the_feeds_first_tick",
    ),
    Mutation(
        "relay: a gap is not told",
        "tracker/relay.py",
        "has_gap=len(missed) > self._replay",
        "has_gap=False",
        "tests/test_relay.py"
        "::test_more_missed_ticks_than_are_replayed_are_a_gap_that_readers_are_told",
    ),
    Mutation(
        "relay: prices that became stale are not told as such",
        "tracker/relay.py",
        "                self._on_event(event)\n                self._send_status()",
        "                self._on_event(event)\n                if event.message:\n"
        "                    self._send_status()",
        "tests/test_relay.py::test_the_status_goes_from_starting_to_live_to_stale_and_each_is_sent",
    ),
    Mutation(
        "relay: a reader from a process ahead is not caught up with",
        "tracker/relay.py",
        "while may_be_found():",
        "while False:",
        "tests/test_relay.py"
        "::test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice",
    ),
    Mutation(
        "relay: who comes just after a look for ticks is not caught up with",
        "tracker/relay.py",
        "                time.sleep(early)\n                continue\n",
        "                return\n",
        "tests/test_relay.py"
        "::test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice",
    ),
    Mutation(
        "status: prices are stale after thirty intervals",
        "tracker/market/freshness.py",
        "STALE_AFTER = 3\n",
        "STALE_AFTER = 30\n",
        "tests/market/test_freshness.py::test_prices_are_stale_after_three_intervals",
    ),
)

OF_THE_STREAM = (
    Mutation(
        "hub: who has left is not forgotten",
        "tracker/stream/hub.py",
        "            members.discard(sub)\n",
        "",
        "tests/stream/test_hub.py::test_who_hangs_up_is_gone_without_a_write",
    ),
    Mutation(
        "hub: the place of who has left is not free",
        "tracker/stream/hub.py",
        "        self.admission.leave(sub.client, sub.variant)\n",
        "",
        "tests/stream/test_hub.py::test_who_hangs_up_is_gone_without_a_write",
    ),
    Mutation(
        "hub: a byte is dropped after a partial send",
        "tracker/stream/hub.py",
        "sub.pending, sub.offset = data, sent",
        "sub.pending, sub.offset = data, sent + 1",
        "tests/stream/test_hub.py::test_what_is_sent_in_pieces_arrives_whole",
    ),
    Mutation(
        "hub: the last byte of what was pending is dropped",
        "tracker/stream/subscriber.py",
        "sent = self.sock.send(memoryview(self.pending)[self.offset :])",
        "sent = self.sock.send(memoryview(self.pending)[self.offset : -1]) + 1",
        "tests/stream/test_hub.py::test_what_is_sent_in_pieces_arrives_whole",
    ),
    Mutation(
        "hub: a frame that was taken in part is sent again from its beginning",
        "tracker/stream/hub.py",
        "sub.pending, sub.offset = data, sent",
        "sub.pending, sub.offset = data, 0",
        "tests/stream/test_hub.py::test_what_is_sent_in_pieces_arrives_whole",
    ),
    Mutation(
        "hub: who falls behind gets the frame twice",
        "tracker/stream/hub.py",
        "        sub.position = self._replay.end\n",
        "        sub.position = self._replay.end - 1\n",
        "tests/stream/test_hub.py"
        "::test_a_slow_reader_loses_nothing_within_the_ring_and_nobody_waits_for_it",
    ),
    Mutation(
        "hub: who was lapped is not told what it missed",
        "tracker/stream/hub.py",
        "return sub.encoded(_verdict(str(sub.cursor), recovered=False))",
        "return sub.encoded(HEARTBEAT)",
        "tests/stream/test_hub.py::test_a_reader_that_falls_out_of_the_ring_is_told_what_it_missed",
    ),
    Mutation(
        "hub: a gap is not told to those who are there",
        "tracker/stream/hub.py",
        "if after_gap and superseded is not None:",
        "if False:",
        "tests/stream/test_hub.py::test_after_a_gap_everybody_is_told_and_older_ids_are_no_longer_known",
    ),
    Mutation(
        "hub: who returns gets its last frame again",
        "tracker/stream/replay_buffer.py",
        "return None if position is None else position + 1",
        "return position",
        "tests/stream/test_hub.py::test_who_returns_gets_all_since_each_once",
    ),
    Mutation(
        "hub: who returns misses a frame",
        "tracker/stream/replay_buffer.py",
        "return None if position is None else position + 1",
        "return None if position is None else min(position + 2, self.end)",
        "tests/stream/test_hub.py::test_who_returns_gets_all_since_each_once",
    ),
    Mutation(
        "hub: after a gap older ids are still replayed",
        "tracker/stream/replay_buffer.py",
        "        if after_gap:\n            self._clear()\n",
        "",
        "tests/stream/test_replay_buffer.py::test_after_a_gap_no_id_is_known_and_everybody_is_behind",
    ),
    Mutation(
        "hub: a frame is taken twice",
        "tracker/stream/replay_buffer.py",
        "frame.id <= self.newest.id",
        "frame.id < self.newest.id",
        "tests/stream/test_hub.py::test_an_id_that_does_not_rise_is_refused",
    ),
    Mutation(
        "hub: there is no heartbeat",
        "tracker/stream/hub.py",
        "if now - self._spoke_at >= self._heartbeat_after:",
        "if False:",
        "tests/stream/test_hub.py::test_silence_lasts_as_long_as_is_set",
    ),
    Mutation(
        "hub: heartbeats come at half the rate",
        "tracker/stream/hub.py",
        "if now - self._spoke_at >= self._heartbeat_after:",
        "if now - self._spoke_at >= self._heartbeat_after * 2:",
        "tests/stream/test_hub.py::test_silence_lasts_as_long_as_is_set",
    ),
    Mutation(
        "hub: a reader that never reads is never cut",
        "tracker/stream/hub.py",
        "if now - s.moved_at > self._stall_limit]",
        "if False]",
        "tests/stream/test_hub.py::test_a_reader_that_never_reads_is_let_go_and_no_other",
    ),
    Mutation(
        "hub: all readers return in step",
        "tracker/stream/hub.py",
        "self._retry * random.uniform(500, 1500)",
        "self._retry * 1000",
        "tests/stream/test_hub.py::test_reconnect_delays_differ_and_lie_around_the_setting",
    ),
    Mutation(
        "frames: a gzip block is not flushed",
        "tracker/stream/frames.py",
        "deflate.flush(zlib.Z_FULL_FLUSH)",
        "deflate.flush(zlib.Z_NO_FLUSH)",
        "tests/stream/test_frames.py::test_gzip_pieces_make_one_stream_from_wherever_it_is_joined",
    ),
    Mutation(
        "frames: an event's name forges fields",
        "tracker/stream/frames.py",
        "if _LINE_END.search(event):",
        "if False:",
        "tests/stream/test_frames.py::test_an_events_name_cannot_forge_fields",
    ),
    Mutation(
        "stream: the header Last-Event-ID counts less than the address",
        "tracker/web/api/stream.py",
        'request.headers.get("Last-Event-ID") or request.args.get("last_event_id")',
        'request.args.get("last_event_id") or request.headers.get("Last-Event-ID")',
        "tests/web/api/test_stream.py::test_a_browsers_header_counts_more_than_the_address_it_began_with",
    ),
)

OF_THE_WEB = (
    Mutation(
        "api: the ETag of the prices never changes",
        "tracker/web/api/prices.py",
        "response.set_etag(str(newest.id))",
        'response.set_etag("prices")',
        "tests/web/api/test_prices.py::test_who_has_it_already_gets_304",
    ),
    Mutation(
        "api: pages of every origin may read",
        "tracker/web/__init__.py",
        "origins=list(origins),",
        'origins="*",',
        "tests/web/api/test_stream.py::test_pages_of_allowed_origins_may_read_and_others_may_not",
    ),
    Mutation(
        "api: requests are not counted against the limit",
        "tracker/web/middleware/rate_limit.py",
        'wait_s = services().rate_limits.hit(per_minute, "api", network)',
        "wait_s = None",
        "tests/web/middleware/test_rate_limit.py"
        "::test_one_request_too_many_gets_429_with_the_time_to_retry",
    ),
    Mutation(
        "requests: a line has no limit",
        "tracker/server/request_limits.py",
        "if len(line) == MAX_LINE:",
        "if False:",
        "tests/server/test_request_limits.py::test_it_is_refused_at_once_and_the_connection_ends",
    ),
    Mutation(
        "requests: X-Forwarded-For is believed to strangers",
        "tracker/web/middleware/client_address.py",
        "    if hops:\n",
        "    hops = hops or 1\n    if hops:\n",
        "tests/admin/test_auth.py::TestAttempts::test_an_address_is_not_what_its_sender_says",
    ),
    Mutation(
        "admin: the user's name alone opens the door",
        "tracker/admin/auth.py",
        "return all(right)",
        "return any(right)",
        "tests/admin/test_auth.py::TestWithoutASession::test_user_and_password_must_be_right",
    ),
    Mutation(
        "admin: a change needs no token",
        "tracker/admin/auth.py",
        "        _csrf.protect()\n",
        "        pass\n",
        "tests/admin/test_auth.py::TestChanges::test_they_need_the_sessions_token",
    ),
    Mutation(
        "logs: secrets are written out",
        "tracker/logs/setup.py",
        "self._redact(value) if isinstance(value, str) else value",
        "value",
        "tests/logs/test_setup.py::TestLine::test_secrets_and_passwords_in_urls_are_hidden",
    ),
    Mutation(
        "metrics: readers that were dropped are not counted",
        "tracker/stream/hub.py",
        "        self.stats.left[why] += 1\n",
        "",
        "tests/monitoring/test_metrics.py::TestStream"
        "::test_a_slow_reader_that_misses_ticks_and_stalls_is_told_as_such",
    ),
    Mutation(
        "health: ready though Redis is away",
        "tracker/monitoring/readiness.py",
        'return "Redis cannot be reached, or does not deliver: prices come from the database"',
        "return None",
        "tests/monitoring/test_readiness.py::TestReadyz::test_without_redis_it_is_not_ready_until_it_is_back",
    ),
)

OF_THE_PAGE = (
    Mutation(
        "page: ticks that are old or come twice are taken",
        "static/js/stream/deduplicator.js",
        "if (this.last !== null && tick.id <= this.last) return;",
        "",
        "tests/js/test_js.py::test_the_pages_modules_pass_their_own_tests",
    ),
    Mutation(
        "page: the age of prices that are not live is not shown",
        "static/js/live/live.js",
        'show("[data-age]", text !== "");',
        'show("[data-age]", false);',
        "tests/browser/test_live.py::test_stale_prices_are_marked_with_their_age_until_new_ones_come",
    ),
    Mutation(
        "page: an alert is told again with each tick",
        "static/js/alerts/rules.js",
        "if (met === alert.met) return alert;",
        "if (!met && !alert.met) return alert;",
        "tests/js/test_js.py::test_the_pages_modules_pass_their_own_tests",
    ),
    Mutation(
        "page: every tab judges the alerts",
        "static/js/alerts/store.js",
        "if (tick.id <= judged()) return;",
        "",
        "tests/js/test_js.py::test_the_pages_modules_pass_their_own_tests",
    ),
    Mutation(
        "page: a tab that returns to the shared stream lacks what it missed",
        "static/js/stream/fan_out.js",
        "if (isFirst || this.#isBehind(last))",
        "if (isFirst)",
        "tests/js/test_js.py::test_the_pages_modules_pass_their_own_tests",
    ),
    Mutation(
        "page: a stream that was given up is opened without the last id",
        "static/js/stream/event_source.js",
        "new EventSource(resuming(this.url, last))",
        "new EventSource(this.url)",
        "tests/js/test_js.py::test_the_pages_modules_pass_their_own_tests",
    ),
    Mutation(
        "page: rows that have not changed places are moved",
        "static/js/table/table.js",
        "if (!staying.has(index)) this.body",
        "this.body",
        "tests/browser/test_table.py::test_a_tick_touches_only_the_price_that_changed",
    ),
    Mutation(
        "page: what has not changed flashes",
        "static/js/table/row.js",
        "before?.[key] !== quote[key];",
        "Boolean(key);",
        "tests/browser/test_table.py"
        "::test_only_what_changed_flashes_and_nothing_for_those_who_want_calm",
    ),
    Mutation(
        "page: the line of the week is upside down",
        "static/js/table/sparkline.js",
        "(1 - height) *",
        "height *",
        "tests/js/test_js.py::test_the_pages_modules_pass_their_own_tests",
    ),
)

MUTATIONS = (
    *OF_THE_WORKER,
    *OF_THE_DATABASE,
    *OF_THE_FEED,
    *OF_THE_STREAM,
    *OF_THE_WEB,
    *OF_THE_PAGE,
)
