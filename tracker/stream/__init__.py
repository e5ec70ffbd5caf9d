"""The Server-Sent-Events engine: bytes and sockets, never a price.

It stands on its own: nothing here imports the rest of the product, so it could
leave as a package. `frames` is the wire format, `ring` the newest frames, `hub`
writes them to subscribers, `handover` gives the hub a web server's sockets, and
`limits` is what a request may cost before that.
"""
