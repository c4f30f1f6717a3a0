"""The order in which a camera on USB is judged, mounted, cleared and left; and what nothing is believed of."""

import asyncio
import errno
import os
from dataclasses import replace

import pytest

from dockd.detect.usb_descriptors import ClassCode, Interface
from dockd.driver import SourceKind
from dockd.errors import (
    BusUnreachable,
    CameraBusy,
    CameraDenied,
    CameraError,
    CameraGone,
    CameraMedia,
    CameraUnsupported,
    IdentityMismatch,
)
from tests.usb.bus import CAMERA, CARD, WHOLE, ABus, shown_by

KEYBOARD = Interface(7, 0, ClassCode(3, 1, 1))


async def opened(access, *, kind=SourceKind.DIRECTORY, writable=False):
    handle = await access.open(kind, writable=writable)
    handle.close()


def run(story):
    asyncio.run(story)


def fault_of(story):
    with pytest.raises(CameraError) as caught:
        run(story)
    return caught.type


def test_a_camera_is_authorised_compared_and_only_then_mounted_read_only():
    bus = ABus()
    run(opened(bus.access()))
    assert bus.did() == ["authorise", "mount sda1 vfat ro"]
    assert bus.log.index("look") < bus.log.index("mount sda1 vfat ro")


def test_a_camera_is_lent_once_it_is_authorised_and_compared():
    bus = ABus()

    async def story():
        assert await bus.access().lend() == "/dev/bus/usb/001/005"

    run(story())
    assert bus.did() == ["authorise", "lend"]


@pytest.mark.parametrize("fault", [OSError(errno.EPERM, "not its file"), BusUnreachable("no helper")])
def test_that_a_camera_cannot_be_taken_back_ends_nothing(fault):
    bus = ABus()
    bus.faults["take back"] = fault
    run(bus.access().take_back())
    assert bus.did() == ["take back"]


def test_one_that_the_helper_does_not_lend_is_not_to_be_had():
    bus = ABus()
    bus.faults["lend"] = OSError(errno.EPERM, "not its file")
    assert fault_of(bus.access().lend()) is CameraDenied


def test_what_is_no_longer_what_was_judged_is_not_lent():
    bus = ABus()
    bus.interfaces = (KEYBOARD,)
    assert fault_of(bus.access().lend()) is IdentityMismatch
    assert "lend" not in bus.did()


def test_one_that_is_authorised_already_is_only_mounted_again():
    bus = ABus()

    async def story():
        access = bus.access()
        await opened(access)
        await opened(access, writable=True)

    run(story())
    assert bus.did() == ["authorise", "mount sda1 vfat ro", "mount sda1 vfat rw"]


def test_a_camera_that_is_no_disk_is_judged_the_same_and_then_opened():
    bus = ABus()
    bus.disks = ()
    run(opened(bus.access(), kind=SourceKind.USB))
    assert bus.did() == ["authorise", "open"]
    assert bus.log.index("look") < bus.log.index("open")


@pytest.mark.parametrize("kind", SourceKind)
def test_what_is_another_thing_once_it_is_authorised_is_refused_and_never_opened(kind):
    bus = ABus()
    bus.interfaces = (*shown_by(CAMERA), KEYBOARD)
    assert fault_of(opened(bus.access(), kind=kind)) is IdentityMismatch
    assert bus.did() == ["authorise"]


def test_an_interface_that_the_kernel_shows_a_moment_late_is_waited_for():
    bus = ABus()
    shown, bus.interfaces = shown_by(CAMERA), ()
    looks = iter([lambda: None, lambda: None, lambda: bus.changes(interfaces=shown)])

    async def look_again():
        next(looks, lambda: None)()
        bus.look()

    bus.look_again = look_again
    run(opened(bus.access()))
    assert bus.did() == ["authorise", "mount sda1 vfat ro"]


def test_other_descriptors_than_were_judged_are_refused():
    bus = ABus()
    bus.on_request["authorise"] = lambda: bus.changes(descriptors=CAMERA.descriptors[:-1] + b"\x01")
    assert fault_of(opened(bus.access())) is IdentityMismatch
    assert bus.did() == ["authorise"]


@pytest.mark.parametrize("filesystem", ["ext4", "ntfs"])
def test_no_other_filesystem_is_mounted(filesystem):
    bus = ABus()
    bus.disks = (WHOLE, replace(CARD, filesystem=filesystem))
    assert fault_of(opened(bus.access())) is CameraUnsupported
    assert bus.did() == ["authorise"]


def test_a_whole_disk_without_a_partition_table_is_mounted():
    bus = ABus()
    bus.disks = (replace(WHOLE, filesystem="exfat"),)
    run(opened(bus.access()))
    assert bus.did()[-1] == "mount sda exfat ro"


def test_two_filesystems_are_one_too_many():
    bus = ABus()
    bus.disks = (WHOLE, CARD, replace(CARD, node="/dev/sda2"))
    assert fault_of(opened(bus.access())) is CameraUnsupported
    assert bus.did() == ["authorise"]


@pytest.mark.parametrize("disks", [(), (replace(WHOLE, size=0),), (replace(CARD, filesystem=None),)])
def test_a_camera_whose_disk_does_not_come_is_given_up(disks):
    bus = ABus()
    bus.disks = disks
    assert fault_of(opened(bus.access())) is CameraMedia


def test_a_card_whose_filesystem_nobody_knows_is_worth_another_try_as_one_that_could_not_be_read():
    bus = ABus()
    bus.disks = (WHOLE, replace(CARD, filesystem=""))
    assert fault_of(opened(bus.access())) is CameraMedia
    assert bus.did() == ["authorise"]


def test_a_disk_that_shows_its_filesystem_late_is_waited_for():
    bus = ABus()
    bus.disks = (WHOLE,)
    looks = 0

    async def look_again():
        nonlocal looks
        looks += 1
        if looks == 4:
            bus.changes(disks=(WHOLE, CARD))
        bus.look()

    bus.look_again = look_again
    run(opened(bus.access()))
    assert bus.did()[-1] == "mount sda1 vfat ro"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENODEV, CameraGone),
        (errno.ENOENT, CameraGone),
        (errno.EBUSY, CameraBusy),
        (errno.EROFS, CameraDenied),
        (errno.EPERM, CameraDenied),
        (errno.EIO, CameraMedia),
        (errno.EINVAL, CameraMedia),
    ],
)
def test_what_the_helper_could_not_do_is_said_in_terms_of_the_camera(number, kind):
    bus = ABus()
    bus.faults["mount"] = OSError(number, os.strerror(number))
    assert fault_of(opened(bus.access())) is kind


def test_a_helper_that_does_not_answer_is_no_fault_of_the_camera():
    bus = ABus()
    bus.faults["authorise"] = BusUnreachable("silent")
    assert fault_of(opened(bus.access())) is BusUnreachable


def after_opening(change):
    """Open, let something happen, then ask whether it is there."""
    bus = ABus()

    async def story():
        access = bus.access()
        await opened(access)
        change(bus)
        await access.must_be_there()

    return story()


def test_a_camera_that_stays_is_there():
    run(after_opening(lambda _bus: None))


@pytest.mark.parametrize(
    "change",
    [
        lambda bus: bus.standing.clear(),
        lambda bus: bus.changes(device_number=6),
        lambda bus: bus.changes(serial="BWC2"),
    ],
)
def test_one_that_left_or_left_and_came_back_or_is_another_is_gone(change):
    assert fault_of(after_opening(change)) is CameraGone


@pytest.mark.parametrize("errors", ["0x1 running", "0x0 offline"])
def test_no_listing_counts_during_which_the_card_could_not_be_read(errors):
    """FAT leaves out what it cannot read of a directory, and says nothing."""
    failed = (WHOLE, replace(CARD, errors=errors))
    assert fault_of(after_opening(lambda bus: bus.changes(disks=failed))) is CameraMedia


def test_a_camera_that_leaves_the_bus_just_after_its_reads_failed_was_pulled_out():
    """It would be told as a bad card otherwise, and a recording of it as one that cannot be read."""

    def change(bus):
        bus.changes(disks=(WHOLE, replace(CARD, errors="0x1 running")))
        looks = iter([lambda: None, lambda: setattr(bus, "standing", [])])
        look = bus.look
        bus.look = lambda: (next(looks, lambda: None)(), look())

    assert fault_of(after_opening(change)) is CameraGone


def test_what_failed_before_the_camera_was_opened_afresh_is_of_no_matter():
    bus = ABus()

    async def story():
        access = bus.access()
        await opened(access)
        bus.changes(disks=(WHOLE, replace(CARD, errors="0x9 running")))
        await opened(access)
        await access.must_be_there()

    run(story())


def test_another_card_in_the_same_camera_is_not_taken_for_the_first():
    bus = ABus()

    async def story():
        access = bus.access()
        await opened(access)
        bus.changes(disks=(WHOLE, replace(CARD, uuid="CA-02")))
        bus.look()
        await opened(access)

    assert fault_of(story()) is CameraGone
    assert bus.did().count("mount sda1 vfat ro") == 1


def test_what_was_erased_is_flushed_on_the_disk_that_was_mounted():
    bus = ABus()

    async def story():
        access = bus.access()
        await opened(access, writable=True)
        await access.settle()

    run(story())
    assert bus.did()[-1] == "flush sda1"


def test_a_flush_that_fails_is_a_fault():
    bus = ABus()
    bus.faults["flush"] = OSError(errno.EIO, "Input/output error")

    async def story():
        access = bus.access()
        await opened(access, writable=True)
        await access.settle()

    assert fault_of(story()) is CameraMedia


def test_a_replugged_camera_is_authorised_and_judged_again_before_it_is_mounted():
    bus = ABus()

    async def story():
        access = bus.access()
        await opened(access)
        await access.replug()
        bus.disks = (replace(WHOLE, node="/dev/sdb"), replace(CARD, node="/dev/sdb1"))
        await opened(access)

    run(story())
    assert bus.did()[2:] == ["deauthorise", "authorise", "mount sdb1 vfat ro"]


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr("dockd.usb_access.POWER_OFF_SECONDS", 0)


def cycled(bus, back):
    """Cycle the power of an opened camera, after which `back` stands in the bay."""

    async def story():
        access = bus.access()
        await opened(access)
        bus.on_request["off for"] = lambda: (bus.standing.clear(), bus.look(), bus.standing.extend(back))
        await access.power_cycle()
        await opened(access)

    return story()


def test_a_camera_that_comes_back_from_a_power_cycle_is_the_same_and_judged_again(no_waiting):
    bus = ABus()
    run(cycled(bus, [replace(CAMERA, device_number=6)]))
    assert bus.did()[2:] == ["off for 0 usb1 1", "authorise", "mount sda1 vfat ro"]
    assert bus.gone == []
    bus.standing.clear()
    bus.look()
    assert bus.gone == ["b1"]  # once it is back nothing is expected any more


@pytest.mark.parametrize("back", [[], [replace(CAMERA, device_number=6, serial="BWC2")]])
def test_one_that_does_not_come_back_or_another_in_its_place_is_gone(no_waiting, back):
    bus = ABus()
    assert fault_of(cycled(bus, back)) is CameraGone
    assert bus.did()[-1] == "off for 0 usb1 1"


@pytest.mark.parametrize(
    ("when_done", "request_"), [("stay", "keep_powered"), ("eject", "eject sda1"), ("port-off", "off for 3600 usb1 1")]
)
def test_a_camera_is_left_as_its_model_wants_it(when_done, request_):
    bus = ABus()

    async def story():
        access = bus.access(when_done)
        await opened(access)
        await access.leave()

    run(story())
    assert bus.did()[-1] == request_


def test_a_bay_whose_port_goes_off_is_held_before_it_is_off():
    bus = ABus()
    bus.on_request["off for"] = lambda: (bus.standing.clear(), bus.look())

    async def story():
        access = bus.access("port-off")
        await opened(access)
        await access.leave()

    run(story())
    assert bus.did()[-1] == "off for 3600 usb1 1" and bus.gone == []


def test_a_camera_that_is_not_left_powered_is_a_fault():
    bus = ABus()
    bus.faults["keep_powered"] = OSError(errno.ENODEV, "No such device")
    assert fault_of(bus.access().leave()) is CameraGone


@pytest.mark.parametrize(("label", "is_served"), [("BWC1", True), ("BWC2", False), ("", False), ("bwc1", False)])
def test_of_a_camera_that_was_unlocked_only_the_card_with_its_label_is_mounted(label, is_served):
    bus = ABus(replace(CAMERA, serial="0000"))
    bus.disks = (WHOLE, replace(CARD, label=label))
    access = bus.access(claimed_id="BWC1", known_by="label", serial="0000")
    if is_served:
        run(opened(access))
    else:
        assert fault_of(opened(access)) is IdentityMismatch
    assert bus.did() == ["authorise", "mount sda1 vfat ro"][: 2 if is_served else 1]


def test_a_camera_that_was_unlocked_is_followed_by_what_its_bus_calls_it():
    bus = ABus(replace(CAMERA, serial="0000"))
    access = bus.access(claimed_id="BWC1", known_by="driver", serial="0000")

    async def story():
        await opened(access)
        bus.changes(serial="BWC1")
        await access.must_be_there()

    assert fault_of(story()) is CameraGone


def test_a_camera_that_only_its_label_shows_to_be_the_same_is_not_opened_without_one():
    bus = ABus(replace(CAMERA, serial="0000"))
    access = bus.access(claimed_id="BWC1", known_by="label", serial="0000")
    assert fault_of(opened(access, kind=SourceKind.USB)) is CameraUnsupported
    assert bus.did() == []
