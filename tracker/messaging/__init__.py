"""What goes through Redis: the feed, the job queue's names, what refreshes did."""
