"""The pure decision, as a state machine: whatever happens in whatever order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dockd.detect.settling import Changes, Settling
from dockd.detect.snapshot import Snapshot

SETTLE = 10.0
A, B = b"cam-a", b"cam-b"
EMPTY, LEFT, CAM, MORE = Snapshot(), Snapshot([1]), Snapshot([1, 2]), Snapshot([1, 2, 3])


def looks(settling, *steps):
    """Look again and again: each step is a time and what lies there; give what each look found."""
    return [(found.arrived, found.gone) for found in (settling.look(now, folders) for now, folders in steps)]


NOTHING, ARRIVED, GONE = ((), ()), ((A,), ()), ((), (A,))


def arrived():
    settling = Settling(SETTLE)
    assert looks(settling, (0, {A: CAM}), (10, {A: CAM})) == [NOTHING, ARRIVED]
    return settling


def test_a_folder_arrives_once_when_it_was_unchanged_for_the_settle_time():
    settling = Settling(SETTLE)
    steps = [(0, {A: CAM}), (9.9, {A: CAM}), (10, {A: CAM}), (11, {A: CAM}), (99, {A: MORE})]
    assert looks(settling, *steps) == [NOTHING, NOTHING, ARRIVED, NOTHING, NOTHING]


def test_every_change_starts_the_settle_time_again():
    settling = Settling(SETTLE)
    steps = [(0, {A: CAM}), (9, {A: MORE}), (18, {A: MORE}), (19, {A: MORE})]
    assert looks(settling, *steps) == [NOTHING, NOTHING, NOTHING, ARRIVED]


def test_an_empty_folder_is_a_bay_with_nothing_in_it():
    settling = Settling(SETTLE)
    steps = [(0, {A: EMPTY}), (99, {A: EMPTY}), (100, {A: CAM}), (110, {A: CAM})]
    assert looks(settling, *steps) == [NOTHING, NOTHING, NOTHING, ARRIVED]


def test_a_look_is_due_when_a_folder_could_be_settled_and_not_for_an_empty_one():
    settling = Settling(SETTLE)
    looks(settling, (3, {A: CAM, B: EMPTY}))
    assert settling.waiting_since() == (3,)


def test_what_dockd_itself_cleared_is_no_new_arrival():
    settling = arrived()
    settling.over(A)
    assert looks(settling, (20, {A: LEFT}), (40, {A: LEFT}), (60, {A: EMPTY})) == [NOTHING] * 3


def test_additions_to_a_resting_folder_are_a_new_arrival_even_after_clearing():
    settling = arrived()
    settling.over(A)
    steps = [(20, {A: LEFT}), (30, {A: CAM}), (40, {A: CAM})]
    assert looks(settling, *steps) == [NOTHING, NOTHING, ARRIVED]


def test_a_folder_that_goes_and_comes_back_arrives_again():
    settling = arrived()
    steps = [(20, {}), (21, {}), (22, {A: CAM}), (32, {A: CAM})]
    assert looks(settling, *steps) == [GONE, NOTHING, NOTHING, ARRIVED]


def test_a_folder_that_goes_before_it_has_arrived_was_never_there():
    assert looks(Settling(SETTLE), (0, {A: CAM}), (1, {})) == [NOTHING, NOTHING]


def test_an_announced_folder_that_changed_and_goes_before_it_has_settled_again_is_gone():
    settling = arrived()
    settling.over(A)
    assert looks(settling, (20, {A: MORE}), (21, {})) == [NOTHING, GONE]
    settling = arrived()
    settling.over(A)
    settling.again(A)
    assert looks(settling, (20, {A: CAM}), (21, {}), (22, {})) == [NOTHING, GONE, NOTHING]


def changed(settling):
    looks(settling, (20, {A: MORE}))


def announced_again(settling):
    settling.again(A)


@pytest.mark.parametrize("meanwhile", [lambda _settling: None, changed, announced_again])
def test_a_folder_that_is_refused_after_its_docking_was_over_rests_until_it_was_gone(meanwhile):
    settling = arrived()
    settling.over(A)
    meanwhile(settling)
    settling.over(A, until_gone=True)
    steps = [(30, {A: MORE}), (50, {A: CAM}), (51, {}), (52, {A: CAM}), (62, {A: CAM})]
    assert looks(settling, *steps) == [NOTHING, NOTHING, GONE, NOTHING, ARRIVED]


def test_a_folder_that_came_back_is_not_held_to_what_was_decided_before_it_left():
    settling = arrived()
    looks(settling, (20, {}), (21, {A: CAM}))
    settling.over(A, until_gone=True)
    assert looks(settling, (31, {A: CAM})) == [ARRIVED]


def test_a_resting_folder_is_announced_again_on_demand_and_an_occupied_one_is_not():
    settling = arrived()
    settling.again(A)
    assert looks(settling, (20, {A: CAM}), (40, {A: CAM})) == [NOTHING, NOTHING]
    settling.over(A)
    settling.again(A)
    assert looks(settling, (50, {A: CAM}), (60, {A: CAM})) == [NOTHING, ARRIVED]


def test_folders_do_not_disturb_each_other():
    settling = Settling(SETTLE)
    steps = [(0, {A: CAM}), (5, {A: CAM, B: CAM}), (10, {A: CAM, B: CAM}), (15, {A: CAM, B: CAM}), (16, {B: CAM})]
    assert looks(settling, *steps) == [NOTHING, NOTHING, ARRIVED, ((B,), ()), GONE]


class Bay(RuleBasedStateMachine):
    """One folder under random events, against the promises rather than against a copy of the code."""

    def __init__(self):
        super().__init__()
        self.settling = Settling(SETTLE)
        self.now = 0.0
        self.there = self.seen = None
        self.changed = 0.0
        self.announced = False
        self.docking = False
        self.refused = False
        self.missed = False

    @rule(files=st.frozensets(st.integers(0, 3)))
    def put(self, files):
        self.there = files

    @rule()
    def remove(self):
        self.there = None

    @rule()
    def miss(self):
        self.settling.missed(A)
        self.missed = True

    @rule(seconds=st.floats(0, 25))
    def wait(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.docking)
    @rule()
    def over(self):
        self.settling.over(A)
        self.docking = False

    @precondition(lambda self: self.announced)
    @rule()
    def refuse(self):
        self.settling.over(A, until_gone=True)
        self.docking, self.refused = False, True

    @precondition(lambda self: self.announced and not self.refused)
    @rule()
    def again(self):
        self.settling.again(A)

    @rule()
    def look(self):
        if self.there != self.seen or self.missed:
            self.seen, self.changed = self.there, self.now
        folders = {} if self.there is None else {A: Snapshot(self.there)}
        found = self.settling.look(self.now, folders)
        assert bool(found.gone) == (self.announced and (self.there is None or self.missed))
        self.missed = False
        if found.gone:
            self.announced = self.docking = self.refused = False
        if found.arrived:
            assert self.there and not self.docking and not self.refused
            assert self.now - self.changed >= SETTLE
            self.announced = self.docking = True
        assert len(found.arrived) + len(found.gone) <= 1

    @invariant()
    def waits_for_nothing_that_was_announced(self):
        assert not (self.docking and self.settling.waiting_since())


TestBay = Bay.TestCase
TestBay.settings = settings(max_examples=60, stateful_step_count=25)


def test_only_folders_whose_content_can_change_anything_are_regarded():
    settling = Settling(5)
    settling.look(0, {b"cam": Snapshot([1])})
    assert settling.unregarded() == frozenset()
    assert settling.look(5, {b"cam": Snapshot([1])}).arrived == (b"cam",)
    assert settling.unregarded() == {b"cam"}
    settling.over(b"cam")
    assert settling.unregarded() == frozenset()
    settling.over(b"cam", until_gone=True)
    assert settling.unregarded() == {b"cam"}


def test_a_folder_that_was_not_walked_is_there_and_has_not_changed():
    settling = Settling(5)
    for now in (0, 5):
        settling.look(now, {b"cam": Snapshot([1, 2])})
    assert settling.look(6, {b"cam": None}) == Changes((), ())
    # Its docking ends while the look is under way.
    settling.over(b"cam")
    assert settling.look(7, {b"cam": None}) == Changes((), ())
    assert settling.look(20, {b"cam": Snapshot([1])}) == Changes((), ())
    assert settling.look(30, {b"cam": Snapshot([1, 3])}) == Changes((), ())
    assert settling.look(35, {b"cam": Snapshot([1, 3])}).arrived == (b"cam",)
    assert settling.look(36, {}).gone == (b"cam",)
