"""The Server-Sent-Events engine: bytes and sockets, never a price.

It stands on its own: nothing here imports the rest of the product, so it could
leave as a package.

    frames           the wire format
    screen           the same for terminals: a text drawn over the text before
    replay_buffer    the newest frames
    subscriber       a reader: its socket, its place, what it has pending
    poller           which sockets have room or hung up, as the kernel says
    hub              writes the frames to the subscribers
    stats            what happened in the hub, counted
    admission        how many readers may come in
    response         gives the hub a web server's sockets
    critical_thread  threads that end the process when they die
"""
