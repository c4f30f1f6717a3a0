"""Whether this host has a route to anywhere: a dock has none, and does not work where there is one.

Read from two files of proc_pid_net(5), one line a route, numbers in hexadecimal:

* `route`, IPv4: interface, destination, gateway, flags, three counters, mask, ...; addresses are in network byte order
  printed as a number of this machine (net/ipv4/fib_trie.c, fib_route_seq_show). It shows the main table only.
* `ipv6_route`: destination, its prefix length, source, its prefix length, next hop, metric, two counters, flags,
  interface; addresses are as they are written (net/ipv6/ip6_fib.c, ipv6_route_native_seq_show). Every table.

Flags are those of <linux/route.h> and <linux/ipv6_route.h>. What leads nowhere is no route: loopback, link-local
(RFC 3927, RFC 4291 section 2.5.6), an address of this host itself, the multicast that Linux gives to every interface
for IPv6, and what is there to refuse.
"""

import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from dockd.errors import NetworkUnknown, RouteFound
from dockd.i18n import _

# Not /proc/net: that link is not there for a process that sees only processes (ProcSubset=pid).
PROC_NET = Path("/proc/self/net")

MAX_ROUTES = 1000
"""So many lines are read at most: a host that has more has a network, whatever they say."""

_MAX_LINE = 512

_RTF_GATEWAY = 0x0002
_RTF_REJECT = 0x0200
_RTF_ANYCAST = 0x0010_0000
_RTF_LOCAL = 0x8000_0000

_LOOPBACK = "lo"
_NO_INTERFACE = "*"  # IPv4 only: a blackhole and its like

_NEAR = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
)


def refuse_routes(proc_net: Path = PROC_NET) -> None:
    """Raise `RouteFound` for the first route out of this host, `NetworkUnknown` if that cannot be told."""
    for file, read, is_optional in (("route", _ipv4, False), ("ipv6_route", _ipv6, True)):
        for line in _lines(proc_net / file, is_optional):
            route = _understood(line, read)
            if route is not None:
                raise RouteFound(
                    _("this host has a route, to {destination}").format(destination=route),
                    advice=_(
                        "A dock has no network: pull the cable out, or take the interface down and keep it from coming "
                        "up again. Work goes on by itself once the route is gone."
                    ),
                )


def _lines(path: Path, is_optional: bool) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            for _number in range(MAX_ROUTES):
                line = file.readline(_MAX_LINE)
                if not line:
                    return
                yield line.decode("ascii", "replace")
    except FileNotFoundError as error:
        if not is_optional:
            raise _unknown(error) from error
        return  # the kernel was started without IPv6
    except OSError as error:
        raise _unknown(error) from error
    raise NetworkUnknown(_("this host has more than {n} routes").format(n=MAX_ROUTES))


def _unknown(error: OSError) -> NetworkUnknown:
    return NetworkUnknown(_("the routes of this host cannot be read: {error}").format(error=error))


def _understood(line: str, read: Callable[[list[str]], str | None]) -> str | None:
    try:
        return read(line.split())
    except (ValueError, IndexError) as error:
        text = _("the kernel lists a route that dockd cannot read: {line}")
        raise NetworkUnknown(text.format(line=ascii(line[:100]))) from error


def _ipv4(words: list[str]) -> str | None:
    """Give the route on a line in words if it leads out, None if it does not."""
    if words[0] == "Iface":
        return None
    interface, destination, _gateway, flags, *_counters, mask = words[:8]
    network = IPv4Network(f"{_little(destination)}/{_little(mask)}")
    return _leads_out(network, int(flags, 16), interface)


def _ipv6(words: list[str]) -> str | None:
    destination, length, *_others, flags, interface = words
    if len(words) != 10 or len(destination) != 32:
        raise ValueError("not a line of ipv6_route")
    network = IPv6Network((IPv6Address(bytes.fromhex(destination)), int(length, 16)))
    return _leads_out(network, int(flags, 16), interface)


def _little(text: str) -> IPv4Address:
    if len(text) != 8:
        raise ValueError("not an IPv4 address")
    return IPv4Address(int(text, 16).to_bytes(4, sys.byteorder))


def _leads_out(network: IPv4Network | IPv6Network, flags: int, interface: str) -> str | None:
    if interface in (_LOOPBACK, _NO_INTERFACE) or flags & (_RTF_REJECT | _RTF_LOCAL | _RTF_ANYCAST):
        return None
    is_near = any(network.network_address in near and network.prefixlen >= near.prefixlen for near in _NEAR)
    if is_near and not flags & _RTF_GATEWAY:
        return None
    # Who may name an interface may use any byte but white space, "/" and ":".
    return _("{network} by {interface}").format(network=network, interface=ascii(interface)[1:-1])
