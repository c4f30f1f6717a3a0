"""Which lines of the kernel's two lists are a route out of the host. The lines are real ones."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.errors import NetworkError, NetworkUnknown, RouteFound
from dockd.ops.routes import MAX_ROUTES, refuse_routes

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
NONE4 = HEAD
ZERO6 = "0" * 32
NONE6 = (
    f"{'1':0>32} 80 {ZERO6} 00 {ZERO6} 00000100 00000003 00000000 00000001       lo\n"
    f"{ZERO6} 00 {ZERO6} 00 {ZERO6} ffffffff 00000001 00000000 00200200       lo\n"
)

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="the lines are of a little-endian machine")


def net(folder, ipv4=NONE4, ipv6=NONE6):
    for name, text in (("route", ipv4), ("ipv6_route", ipv6)):
        if text is not None:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def ipv4(interface, destination, gateway, flags, mask):
    return f"{HEAD}{interface}\t{destination}\t{gateway}\t{flags}\t0\t0\t0\t{mask}\t0\t0\t0\n"


def ipv6(destination, length, next_hop, flags, interface):
    return f"{NONE6}{destination} {length} {ZERO6} 00 {next_hop} 00000100 00000001 00000000 {flags} {interface:>8}\n"


GLOBAL = "fd000000000000000000000000000000"
LINK_LOCAL = "fe800000000000000000000000000000"
MULTICAST = "ff000000000000000000000000000000"
ROUTER = "fe800000000000000000000000000001"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ipv4("eth0", "00000000", "010200C0", "0003", "00000000"), "0.0.0.0/0 by eth0"),
        (ipv4("eth0", "000200C0", "00000000", "0001", "00FFFFFF"), "192.0.2.0/24 by eth0"),
        (ipv4("wlan0", "0A0200C0", "00000000", "0005", "FFFFFFFF"), "192.0.2.10/32 by wlan0"),
        (ipv4("eth0", "0000FEA9", "010200C0", "0003", "0000FFFF"), "169.254.0.0/16 by eth0"),  # by a router
        (ipv4("eth0", "000000A0", "00000000", "0001", "000000E0"), "160.0.0.0/3 by eth0"),  # holds link-local
        (ipv4("eth0", "0000FEA9", "00000000", "0001", "0000FEFF"), "169.254.0.0/15 by eth0"),  # and its neighbour
        (ipv4("eth0", "000000E0", "00000000", "0001", "000000F0"), "224.0.0.0/4 by eth0"),
    ],
)
def test_a_route_of_ipv4_out_of_the_host_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(RouteFound) as caught:
        refuse_routes(net(tmp_path, ipv4=text))
    assert said in caught.value.message and caught.value.advice


@pytest.mark.parametrize(
    "text",
    [
        NONE4,
        ipv4("eth0", "0000FEA9", "00000000", "0001", "0000FFFF"),
        ipv4("lo", "0000007F", "00000000", "0001", "000000FF"),
        ipv4("*", "00000000", "00000000", "0001", "00000000"),  # ip route add blackhole default
        ipv4("*", "00000000", "00000000", "0201", "00000000"),  # ip route add unreachable default
    ],
)
def test_what_leads_nowhere_in_ipv4_is_no_route(tmp_path, text):
    refuse_routes(net(tmp_path, ipv4=text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ipv6(ZERO6, "00", ROUTER, "00000003", "eth0"), "::/0 by eth0"),
        (ipv6(GLOBAL, "40", ZERO6, "00000001", "eth0"), "fd00::/64 by eth0"),
        (ipv6(LINK_LOCAL, "40", ROUTER, "00000003", "eth0"), "fe80::/64 by eth0"),
        (ipv6("fe800000000000000000000000000000", "09", ZERO6, "00000001", "eth0"), "fe80::/9 by eth0"),
        (ipv6("e0000000000000000000000000000000", "03", ZERO6, "00000001", "eth0"), "e000::/3 by eth0"),
    ],
)
def test_a_route_of_ipv6_out_of_the_host_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(RouteFound) as caught:
        refuse_routes(net(tmp_path, ipv6=text))
    assert said in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        None,  # booted without IPv6
        NONE6,
        ipv6(LINK_LOCAL, "40", ZERO6, "00000001", "eth0"),
        ipv6(MULTICAST, "08", ZERO6, "00000001", "eth0"),
        ipv6("fd000000000000000000000000000002", "80", ZERO6, "80200001", "eth0"),  # an address of the host itself
        ipv6(GLOBAL, "80", ZERO6, "00100001", "eth0"),  # its anycast address
        ipv6(ZERO6, "00", ZERO6, "00200200", "lo"),
    ],
)
def test_what_leads_nowhere_in_ipv6_is_no_route(tmp_path, text):
    refuse_routes(net(tmp_path, ipv6=text))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ipv4", None),
        ("ipv4", HEAD + "eth0\n"),
        ("ipv4", HEAD + "\n"),
        ("ipv4", ipv4("eth0", "0000000000", "00000000", "0001", "00000000")),
        ("ipv4", ipv4("eth0", "00000000", "00000000", "x", "00000000")),
        ("ipv4", ipv4("eth0", "00000000", "00000000", "0001", "FF00FF00")),
        ("ipv4", HEAD + "x" * 100_000),
        ("ipv6", "fd00::/64 dev eth0\n"),
        ("ipv6", ipv6(ZERO6, "81", ZERO6, "00000001", "eth0")),
        ("ipv6", NONE6 * MAX_ROUTES),
        ("ipv6", b"\xff" * 32),
    ],
)
def test_what_cannot_be_read_counts_as_a_route(tmp_path, file, text):
    with pytest.raises(NetworkUnknown):
        refuse_routes(net(tmp_path, **{file: text}))


@given(ipv4=st.binary(max_size=2000), ipv6=st.binary(max_size=2000))
def test_whatever_the_lists_hold_nothing_but_our_own_error_comes_of_it(tmp_path_factory, ipv4, ipv6):
    folder = net(tmp_path_factory.mktemp("net"), HEAD.encode() + ipv4, ipv6)
    try:
        refuse_routes(folder)
    except NetworkError as error:
        assert error.message.isprintable()


LOOK = """
from dockd.errors import RouteFound
from dockd.ops.routes import refuse_routes
try:
    refuse_routes()
    print("none")
except RouteFound as error:
    print(error.message)
"""


def in_a_network_of_its_own(*setup):
    """Look at the routes of a fresh network namespace after some commands of ip(8)."""
    commands = " && ".join([*(f"ip {words}" for words in setup), 'exec "$0" -c "$1"'])
    run = ["unshare", "--net", "--map-root-user", "sh", "-c", commands, sys.executable, LOOK]
    try:
        done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    except FileNotFoundError as error:
        pytest.skip(f"{error.filename} is not installed")
    if "unshare" in done.stderr or "ip: not found" in done.stderr or "Unknown device type" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


UP = ("link set lo up", "link add name v0 type veth peer name v1", "link set v0 up", "link set v1 up")


@pytest.mark.parametrize(
    ("setup", "found"),
    [
        ((), "none"),
        (UP, "none"),
        ((*UP, "address add 169.254.7.1/16 dev v0", "route add blackhole default"), "none"),
        ((*UP, "route add unreachable default", "-6 route add prohibit default"), "none"),
        ((*UP, "address add 192.0.2.1/24 dev v0"), "this host has a route, to 192.0.2.0/24 by v0"),
        ((*UP, "address add 2001:db8::1/64 dev v0 nodad"), "this host has a route, to 2001:db8::/64 by v0"),
        ((*UP, "-6 route add default via fe80::1 dev v0"), "this host has a route, to ::/0 by v0"),
        ((*UP, "-6 route add 2001:db8::/32 dev v0 table 77"), "this host has a route, to 2001:db8::/32 by v0"),
    ],
)
def test_the_kernel_of_this_machine_is_understood(setup, found):
    assert in_a_network_of_its_own(*setup) == found
