"""A request's client: its address, behind proxies too, and the network that limits count by."""

import re
from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

UNKNOWN = "unknown"
"""Counts as one client: peers of a socket file, and clients that a proxy names no address for."""

_WITH_PORT = re.compile(r"\[([^]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)


def trust_proxies(app: Flask, hops: int) -> None:
    """Take addresses and scheme from the headers that the last *hops* proxies add.

    Not the host: pages link to paths only, and a client could name any host.
    """
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]


def client_network() -> str:
    """Return the network that the current request's client counts as."""
    return network_of(request.remote_addr or "")


def network_of(client: str) -> str:
    """Return the network of the address *client*, as a server or a proxy writes it.

    An IPv6 host has a whole /64; an IPv4-mapped address is IPv4; a port is ignored.
    Whatever is no address is `UNKNOWN`.
    """
    named = _WITH_PORT.fullmatch(client)
    bare = named[1] or named[2] if named else client
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
