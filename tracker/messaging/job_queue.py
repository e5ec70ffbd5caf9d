"""RQ's queue and its jobs by name, for the scheduler, the worker and the admin.

The web queues by name: it never imports the worker, and a test holds `REFRESH` to what is there.
Names and limits alone: nothing here knows RQ.
"""

QUEUE = "tracker"

REFRESH = "worker.jobs.refresh_prices"
"""The function that makes a tick."""
ROLL_UP, PRUNE = "worker.maintenance.roll_up", "worker.maintenance.prune"
"""The functions that maintain the history."""
ALERTS = "worker.alerts.deliver_alerts"
"""The function that sends what alerts have to tell."""
FUNCTIONS = {REFRESH, ROLL_UP, PRUNE, ALERTS}
"""All functions that the worker runs."""
REFRESH_ID = "refresh_prices"
"""The id of the job that the scheduler queues."""
REFRESH_NOW_ID = "refresh_now"
"""The id of the one that the admin asks for: there is one at most."""
ALERTS_ID = "deliver_alerts"
"""The id of the regular job."""
ALERTS_NOW_ID = "deliver_alerts_now"
"""The id of the one that a refresh queues when an alert has fired."""
ALERTS_TIMEOUT = 30
"""Seconds after which RQ ends a delivery that hangs; it only starts threads."""
ROLL_UP_ID, PRUNE_ID = "roll_up", "prune"
"""The ids of the jobs that maintain the history."""
JOB_IDS = (REFRESH_ID, REFRESH_NOW_ID, ROLL_UP_ID, PRUNE_ID, ALERTS_ID, ALERTS_NOW_ID)
REFRESH_TIMEOUT = 30
"""Seconds after which RQ ends a refresh that hangs."""
MAINTENANCE_TIMEOUT = 60
"""Seconds after which RQ ends a job of the history's upkeep; one ends by itself long before."""
