"""A worker keeps recordings out of core dumps, and does not outlive the supervisor."""

import asyncio
import signal
import socket
import subprocess
import sys

import pytest

from dockd.docking.channel import pair
from dockd.docking.unit_worker import UnitWorker
from dockd.ops import isolation

HARDENED = """
import ctypes, os, resource
from dockd.ops.isolation import harden_worker
harden_worker(os.getppid())
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
# The supervisor starts a hardened worker that would wait for ever, says its pid, and waits to be killed.
SUPERVISOR = """
import os, subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", '''
import os, signal
from dockd.ops.isolation import harden_worker
harden_worker(os.getppid())
print("hardened", flush=True)
signal.pause()
'''], stdout=1)
worker.wait()
"""


def test_a_worker_leaves_no_core_dump_and_lets_nobody_read_its_memory():
    done = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "(0, 0) 0"


THREADS = """
import os, threading
from dockd.ops.isolation import harden_worker
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
harden_worker(os.getppid())
before, go = resident(), threading.Event()
threads = [threading.Thread(target=go.wait) for _ in range(8)]
for thread in threads:
    thread.start()
print(resident() - before)
go.set()
"""


def test_a_thread_of_a_worker_costs_little_although_its_memory_is_locked():
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 * 3 * 1024 * 1024


def test_a_worker_ends_with_its_supervisor_however_that_ends():
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout.readline() == "hardened\n"
        supervisor.send_signal(signal.SIGKILL)
        # The worker holds the other end of this pipe: it ends only when the worker does.
        assert supervisor.stdout.read() == ""


def test_a_worker_whose_supervisor_is_gone_already_does_not_begin():
    program = "from dockd.ops.isolation import harden_worker; harden_worker(1 << 30); print('began')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_plain_subprocesses_are_not_called_isolated():
    assert isolation.PLAIN_SUBPROCESSES.as_dict() == {"workers": "plain subprocesses", "own_users": False}


# A worker that hangs in code which never lets another thread of it run.
HELD = """
import ctypes, os
from dockd.ops.isolation import hold
hold(0)
print("holding", flush=True)
ctypes.PyDLL(None).pause()
"""


def held(lifeline):
    return subprocess.Popen([sys.executable, "-c", HELD], stdin=lifeline, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", ["closes", "shuts"])
def test_a_worker_that_hangs_is_killed_by_its_lifeline(how):
    ours, theirs = pair()
    with theirs, ours, held(theirs.fileno()) as worker:
        assert worker.stdout.readline() == "holding\n"
        theirs.close()
        ours.close() if how == "closes" else ours.shutdown(socket.SHUT_WR)
        assert worker.wait(30) == -signal.SIGKILL


def test_a_lifeline_that_was_let_go_before_it_was_held_kills_as_well():
    ours, theirs = pair()
    ours.close()
    with theirs, held(theirs.fileno()) as worker:
        assert worker.wait(30) == -signal.SIGKILL


def test_the_supervisor_sees_that_a_worker_it_killed_by_its_lifeline_has_ended_and_not_before():
    async def story():
        unit = UnitWorker()
        with held(unit.lifeline) as worker:
            worker.stdout.readline()
            ended = asyncio.ensure_future(unit.wait())
            assert not (await asyncio.wait([ended], timeout=0.2))[0]
            unit.kill()
            await asyncio.wait_for(ended, 30)
            assert worker.wait(30) == -signal.SIGKILL
            unit.kill()

    asyncio.run(story())
