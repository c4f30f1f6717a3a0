"""A host that has a route, as a network namespace of its own: dockd does not start on it, or stops its work there."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dockd.errors import ExitCode
from tests.integration.daemon import Daemon
from tests.integration.promises import assert_all_cleared, of_kind
from tests.integration.site import MEDIA, Site, dockd, environment

CLIPS = {name: (MEDIA / name).read_bytes() for name in ("moov-first.mp4", "fragmented.mp4")}
APART = ["unshare", "--net", "--map-root-user"]
UP = "ip link add name v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up"
ROUTE = "ip address add 192.0.2.1/24 dev v0"
NO_ROUTE = "ip address del 192.0.2.1/24 dev v0"

RUN = """
import sys, dockd.cli, dockd.daemon
dockd.daemon.CHECK_SECONDS = 0.2
sys.argv = ["dockd", "run", "--config", sys.argv[1]]
dockd.cli.main()
"""


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    try:
        tried = subprocess.run([*APART, "sh", "-c", UP], capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"{error.filename} is not installed")
    if tried.returncode:
        pytest.skip(f"no network can be made here: {tried.stderr.strip()}")
    site = make_site()
    site.allow_route = False
    site.configure(retry_delays_seconds=[])
    return site


def apart(site: Site, before: str) -> list[str]:
    """Give the command of a daemon in a network of its own, set up by `before`."""
    return [*APART, "sh", "-c", f'{before} && exec "$0" -c "$1" "$2"', sys.executable, RUN, str(site.config)]


def start(site: Site, before: str) -> Daemon:
    def start(stderr: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(apart(site, before), stdin=subprocess.DEVNULL, stderr=stderr, env=environment())

    daemon = Daemon(start)
    site.daemons.append(daemon)
    return daemon


def in_its_network(daemon: Daemon, command: str) -> None:
    enter = ["nsenter", "--target", str(daemon.pid), "--user", "--preserve-credentials", "--net"]
    subprocess.run([*enter, "sh", "-c", command], check=True)


def health(site: Site) -> tuple[int, dict[str, Any]]:
    done = dockd("health", "--json", "--config", site.config)
    return done.returncode, json.loads(done.stdout)


def test_it_does_not_start_on_a_host_with_a_route_and_says_which_and_what_to_do(site: Site) -> None:
    refused = subprocess.run(apart(site, f"{UP} && {ROUTE}"), capture_output=True, text=True, env=environment())
    assert refused.returncode == ExitCode.NETWORK
    assert "this host has a route, to 192.0.2.0/24 by v0" in refused.stderr
    assert "pull the cable" in refused.stderr
    assert [entry["kind"] for entry in of_kind(site, "service_started")] == []


def test_a_route_that_comes_up_stops_the_work_until_it_is_gone(site: Site) -> None:
    daemon = start(site, UP).ready()
    in_its_network(daemon, ROUTE)
    daemon.wait_for("network.trouble", code="network.route")
    site.dock_camera("BWC1", CLIPS)
    assert daemon.wait_for("docking.done")["code"] == "network.route"
    assert all(original.on_camera() for original in site.originals)
    code, said = health(site)
    assert (code, said["state"], "network" in said["words"]) == (ExitCode.FAILED_CHECK, "degraded", True)
    in_its_network(daemon, NO_ROUTE)
    daemon.wait_for("network.recovered")
    daemon.wait_green()
    assert health(site)[0] == ExitCode.OK
    daemon.kill()
    assert_all_cleared(site)
    faults = [entry["fault"] for entry in of_kind(site, "network_changed")]
    assert faults == ["this host has a route, to 192.0.2.0/24 by v0", None]


def test_for_a_trial_it_works_all_the_same_and_says_so_everywhere(make_site: Callable[..., Site]) -> None:
    site = make_site()
    daemon = site.start()
    assert "allow_route_for_trial" in daemon.wait_for("network.allowed")["message"]
    daemon.ready()
    for command in ("status", "health"):
        assert "trial" in dockd(command, "--config", site.config).stdout
