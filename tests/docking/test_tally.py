from dockd.docking.tally import Tally
from dockd.model import Admitted, Arrival, FleetCamera, Listed, RecordingPath

ADMITTED = Admitted(Arrival("dock/cam-1", "cam-1", "/dock/cam-1"), FleetCamera("cam-1", "folder", "police"))


def counts(tally):
    summary = tally.summary()
    return summary.collected, summary.already_registered, summary.cleared, summary.kept


def test_new_and_known_recordings_are_told_apart_and_what_is_cleared_is_not_kept():
    tally = Tally()
    tally.began()
    tally.confirmed(3)
    tally.collected(10)
    tally.collected(11)
    assert counts(tally) == (2, 1, 0, 3)
    tally.cleared(3, inferred=False)
    tally.cleared(10, inferred=False)
    assert counts(tally) == (2, 1, 2, 1)


def test_what_was_collected_before_a_fault_and_is_met_again_is_counted_once_and_as_collected():
    tally = Tally()
    tally.began()
    tally.collected(10)
    tally.began()
    tally.confirmed(10)
    tally.collected(14)
    assert counts(tally) == (2, 0, 0, 2)


def test_what_was_known_already_is_counted_once_over_several_attempts():
    tally = Tally()
    for _attempt in range(3):
        tally.began()
        tally.confirmed(3)
        tally.confirmed(4)
    assert counts(tally) == (0, 2, 0, 2)
    tally.cleared(3, inferred=False)
    tally.began()
    tally.confirmed(4)
    tally.cleared(4, inferred=False)
    assert counts(tally) == (0, 2, 2, 0)


def test_what_is_salvaged_is_neither_collected_nor_kept():
    tally = Tally()
    tally.began()
    tally.salvaged()
    assert (counts(tally), tally.summary().salvaged) == ((0, 0, 0, 0), 1)


def test_an_attempt_that_breaks_early_takes_nothing_back():
    tally = Tally()
    tally.began()
    tally.confirmed(3)
    tally.began()
    assert counts(tally) == (0, 1, 0, 1)


def test_a_clearing_of_an_earlier_docking_is_counted_as_cleared_and_nothing_else():
    tally = Tally()
    tally.began()
    tally.cleared(3, inferred=True)
    assert counts(tally) == (0, 0, 1, 0)


def test_what_is_left_alone_is_as_the_last_listing_says():
    tally = Tally()
    tally.listed(Listed(ADMITTED, "1", (), 0, (RecordingPath(b"a\n.txt"),), 7))
    assert (tally.summary().left_alone, tally.summary().left_alone_paths) == (7, ("a%0A.txt",))
    tally.listed(Listed(ADMITTED, "1", (), 0))
    assert tally.summary().left_alone == 0
