"""What stands in which bay, from made looks at a bus and a clock of the test's own."""

from dataclasses import replace

import pytest

from dockd.detect.bays import Bays, Ports, arrival
from dockd.detect.udev import BusDevice

ROOT = "pci-0000:00:03.0"
BAY_1, BAY_2, BAY_2_USB3 = f"{ROOT}-usbv2-0:1.1", f"{ROOT}-usbv2-0:1.2", f"{ROOT}-usbv3-0:1.2"
HUB, HUB_USB3, HOST, NOWHERE = f"{ROOT}-usbv2-0:1", f"{ROOT}-usbv3-0:1", f"{ROOT}-usbv2-0:4", f"{ROOT}-usbv2-0:5"
SETTLE = 2.0


def device(port, number=5, *, serial="BWC1", authorized=False, descriptors=b"camera"):
    return BusDevice(
        port=port,
        sys_path=f"/sys/devices/{port}",
        device_number=number,
        vendor_product="46f4:0001",
        serial=serial,
        name="",
        authorized=authorized,
        descriptors=descriptors,
    )


HUB_THERE = device(HUB, 2, descriptors=b"hub", authorized=True)
CAMERA = device(BAY_1)


class Clocked:
    """Bays with a clock that the test sets; `see` is one look."""

    def __init__(self):
        ports = Ports({BAY_1: "b1", BAY_2: "b2", BAY_2_USB3: "b2"}, [HOST])
        self.bays = Bays(ports, SETTLE, lambda descriptors: descriptors == b"hub")
        self.now = 100.0

    def see(self, *devices, after=0.0):
        self.now += after
        return self.bays.look(self.now, [device(f"{ROOT}-usbv2", 1, descriptors=b"hub"), HUB_THERE, *devices])

    def settled(self, camera=CAMERA):
        self.see(camera)
        [(bay, found)] = self.see(camera, after=SETTLE).arrived
        assert found == camera
        return bay


@pytest.fixture
def clocked():
    return Clocked()


def test_a_camera_arrives_once_when_it_has_stayed_for_the_settle_time(clocked):
    assert clocked.see(CAMERA).arrived == ()
    assert clocked.see(CAMERA, after=SETTLE - 0.1).arrived == ()
    assert clocked.bays.next_due(clocked.now) == pytest.approx(0.1)
    assert clocked.see(CAMERA, after=0.1).arrived == (("b1", CAMERA),)
    assert clocked.see(CAMERA, after=60).arrived == ()
    assert clocked.bays.next_due(clocked.now) is None


def test_what_goes_before_it_has_settled_was_never_there(clocked):
    clocked.see(CAMERA)
    assert clocked.see(after=1).gone == ()
    clocked.see(device(BAY_1, 6))
    assert clocked.see(device(BAY_1, 6), after=1.9).arrived == ()


def test_what_has_arrived_and_goes_is_gone_also_if_another_is_there_by_the_next_look(clocked):
    clocked.settled()
    look = clocked.see(device(BAY_1, 6))
    assert (look.gone, look.arrived) == (("b1",), ())
    assert clocked.see(device(BAY_1, 6), after=SETTLE).arrived == (("b1", device(BAY_1, 6)),)


@pytest.mark.parametrize("port", [BAY_2, BAY_2_USB3])
def test_either_port_of_a_socket_is_its_bay(clocked, port):
    assert clocked.settled(device(port)) == "b2"


def test_a_second_device_on_the_other_port_of_a_socket_is_a_stray_and_stays_dead(clocked):
    both = device(BAY_2), device(BAY_2_USB3, authorized=True)
    assert [each.port for each in clocked.see(*both).deauthorise] == [BAY_2_USB3]
    assert [each.port for each in clocked.see(*both, after=SETTLE).strays] == [BAY_2_USB3]


def test_a_camera_that_was_authorised_before_it_was_judged_is_turned_off_before_it_arrives(clocked):
    """The kernel authorised it before there was a rule, at boot, or an earlier dockd did."""
    early = device(BAY_1, authorized=True)
    assert clocked.see(early).deauthorise == (early,)
    look = clocked.see(early, after=SETTLE)
    assert (look.arrived, look.deauthorise) == ((), (early,))
    assert clocked.see(CAMERA, after=0.1).arrived == (("b1", CAMERA),)


def test_an_admitted_camera_may_be_authorised_and_a_refused_one_is_turned_off(clocked):
    clocked.settled()
    on = replace(CAMERA, authorized=True)
    clocked.bays.admit("b1", admitted=True)
    assert clocked.see(on).deauthorise == ()
    clocked.bays.admit("b1", admitted=False)
    assert clocked.see(on).deauthorise == (on,)


def test_hubs_on_the_way_and_what_hangs_on_host_ports_are_authorised_unseen(clocked):
    hubs = [device(HUB_USB3, 3, descriptors=b"hub")]
    others = [device(HOST, 7, descriptors=b"keyboard"), device(f"{HOST}.3", 8, descriptors=b"key")]
    look = clocked.see(*hubs, *others)
    assert set(look.authorise) == {*hubs, *others}
    assert (look.strays, look.arrived) == ((), ())


def test_what_is_no_hub_where_one_belongs_is_a_stray(clocked):
    look = clocked.see(device(HUB_USB3, 3, authorized=True))
    assert look.authorise == () and len(look.deauthorise) == 1
    assert [each.port for each in clocked.see(device(HUB_USB3, 3), after=SETTLE).strays] == [HUB_USB3]


def test_a_stray_is_told_once_it_has_stayed_and_told_gone(clocked):
    assert clocked.see(device(NOWHERE)).strays == ()
    assert [each.port for each in clocked.see(device(NOWHERE), after=SETTLE).strays] == [NOWHERE]
    assert clocked.see(device(NOWHERE), after=60).strays == ()
    assert clocked.see().gone == (NOWHERE,)


def test_a_stray_that_comes_and_goes_without_end_is_not_told_each_time(clocked):
    told = [clocked.see(device(NOWHERE, number), after=0.5) for number in range(20)]
    assert not any(look.strays or look.gone for look in told)


def test_a_camera_that_is_expected_in_one_bay_and_stands_in_another_has_moved(clocked):
    clocked.settled()
    clocked.bays.hold("b1", clocked.now + 3600)
    clocked.see(after=10)
    assert clocked.see(device(BAY_2, 6), after=10).gone == ("b1",)
    assert clocked.see(device(BAY_2, 6), after=SETTLE).arrived == (("b2", device(BAY_2, 6)),)


def test_a_camera_that_leaves_before_it_is_announced_again_is_gone(clocked):
    clocked.settled()
    clocked.bays.again("b1")
    assert clocked.see().gone == ("b1",)


def test_a_hub_in_a_bay_and_what_hangs_on_it_are_never_authorised(clocked):
    """It arrives, to be refused; what is behind it has no bay."""
    hub, behind = device(BAY_1, descriptors=b"hub"), device(f"{BAY_1}.1", 9)
    assert clocked.settled(hub) == "b1"
    assert clocked.see(hub, behind).authorise == ()
    assert [each.port for each in clocked.see(hub, behind, after=SETTLE).strays] == [f"{BAY_1}.1"]


def test_an_expected_camera_that_comes_back_was_never_gone_and_is_not_announced_anew(clocked):
    clocked.settled()
    clocked.bays.expect("b1", clocked.now + 70)
    assert clocked.see(after=10).gone == () and clocked.bays.current("b1") is None
    back = device(BAY_1, 6)
    look = clocked.see(back, after=30)
    assert (look.gone, look.arrived, look.deauthorise) == ((), (), ())
    assert clocked.bays.current("b1") == back


@pytest.mark.parametrize("other", [device(BAY_1, 6, serial="BWC2"), device(BAY_1, 6, descriptors=b"keyboard")])
def test_another_device_in_the_place_of_an_expected_one_is_not_mistaken_for_it(clocked, other):
    clocked.settled()
    clocked.bays.admit("b1", admitted=True)
    clocked.bays.expect("b1", clocked.now + 70)
    clocked.see(after=10)
    look = clocked.see(replace(other, authorized=True), after=1)
    assert look.gone == ("b1",)
    assert len(look.deauthorise) == 1


def test_an_expected_camera_that_does_not_come_back_in_time_is_gone(clocked):
    clocked.settled()
    clocked.bays.expect("b1", clocked.now + 70)
    clocked.see(after=10)
    assert clocked.bays.next_due(clocked.now) == pytest.approx(60)
    assert clocked.see(after=60).gone == ("b1",)


def test_a_camera_that_is_announced_again_arrives_again(clocked):
    clocked.settled()
    clocked.bays.admit("b1", admitted=True)
    clocked.bays.again("b1")
    assert clocked.see(replace(CAMERA, authorized=True)).arrived == (("b1", replace(CAMERA, authorized=True)),)


def test_a_contact_that_comes_and_goes_is_told_once_until_a_camera_stays(clocked):
    told, connects = [], []
    for number in range(5):
        look = clocked.see(device(BAY_1, number), after=1)
        told += look.unsteady
        connects += look.connected
        assert clocked.see(after=1).connected == ()
    assert told == ["b1"]
    clocked.see(device(BAY_1, 9))
    assert clocked.see(device(BAY_1, 9), after=SETTLE).steady == ("b1",)
    clocked.see(after=20)
    assert clocked.see(device(BAY_1, 10)).unsteady == ()
    assert [(each.bay, each.is_reset) for each in connects] == [("b1", number > 0) for number in range(5)]


def test_a_camera_that_is_enumerated_anew_was_reset_and_one_that_is_there_did_not_connect(clocked):
    [connect] = clocked.see(CAMERA).connected
    assert (connect.bay, connect.device, connect.is_reset) == ("b1", CAMERA, False)
    assert clocked.see(CAMERA, after=60).connected == ()
    [connect] = clocked.see(device(BAY_1, 6), after=60).connected
    assert (connect.device, connect.is_reset) == (device(BAY_1, 6), True)


@pytest.mark.parametrize(("next_one", "after"), [(device(BAY_1, 6), 10), (device(BAY_1, 6, serial="BWC2"), 1)])
def test_a_camera_that_comes_back_later_and_another_one_were_not_reset(clocked, next_one, after):
    clocked.see(CAMERA)
    clocked.see(after=60)
    [connect] = clocked.see(next_one, after=after).connected
    assert not connect.is_reset


def test_a_camera_that_dockd_itself_took_off_the_bus_has_not_connected_anew(clocked):
    clocked.settled()
    clocked.bays.expect("b1", clocked.now + 70)
    assert clocked.see(after=10).connected == ()
    assert clocked.see(device(BAY_1, 6), after=30).connected == ()


def test_a_camera_whose_port_dockd_switched_off_connects_anew_and_was_not_reset(clocked):
    clocked.settled()
    clocked.bays.hold("b1", clocked.now + 70)
    clocked.see(after=10)
    assert [each.is_reset for each in clocked.see(device(BAY_1, 6), after=30).connected] == [False]


def test_a_camera_is_announced_by_its_serial_number_in_plain_letters_whatever_it_holds():
    assert arrival("b1", device(BAY_1, serial="BWC-1.a_B")).claimed_id == "BWC-1.a_B"
    assert arrival("b1", device(BAY_1, serial="BWC1\n\x1b[2J\udcff")).claimed_id.isascii()
    assert "\n" not in arrival("b1", device(BAY_1, serial="BWC1\n")).claimed_id
    found = arrival("b1", CAMERA)
    assert (found.bay, found.place, found.descriptors) == ("b1", CAMERA.sys_path, b"camera")


def test_a_bay_whose_port_is_off_for_now_is_taken_until_something_comes_to_it(clocked):
    clocked.settled()
    clocked.bays.hold("b1", clocked.now + 3600)
    assert clocked.see(after=3000).gone == ()
    back = device(BAY_1, 6)
    assert clocked.see(back, after=10).gone == ("b1",)
    assert clocked.see(back, after=SETTLE).arrived == (("b1", back),)


def test_ports_of_empty_bays_are_named_as_the_kernel_names_them(clocked):
    def at(port, name):
        return replace(device(port), sys_path=f"/sys/devices/{name}")

    roots = [at(ROOT, "usb1"), at(ROOT, "usb2")]
    devices = [*roots, at(HUB, "1-1"), at(HUB_USB3, "2-1"), at(BAY_1, "1-1.1")]
    assert set(clocked.bays.empty_ports(devices)) == {("1-1", 2), ("2-1", 2)}
    roots = [replace(device(f"{ROOT}-usbv{n}"), sys_path=f"/sys/devices/usb{n}") for n in (2, 3)]
    direct = Bays(Ports({f"{ROOT}-usbv2-0:7": "b7"}), SETTLE, lambda _descriptors: True)
    assert list(direct.empty_ports(roots)) == [("usb2", 7)]


@pytest.mark.parametrize(("root", "is_unguarded"), [(f"{ROOT}-usbv2", True), ("pci-0000:00:1d.0-usbv2", False)])
def test_a_bus_with_bays_on_which_the_kernel_authorises_what_comes_is_unguarded(clocked, root, is_unguarded):
    there = replace(device(root, 1, descriptors=b"hub"), is_open=True)
    assert clocked.bays.unguarded([there]) is is_unguarded
    assert not clocked.bays.unguarded([replace(there, is_open=False), replace(CAMERA, is_open=True)])


CARD = device(BAY_1, 6, serial="CARD", descriptors=b"card")


def is_card(found):
    return found.descriptors == CARD.descriptors


def expecting_a_card(clocked, seconds=30.0):
    clocked.settled()
    clocked.bays.admit("b1", admitted=True)
    clocked.bays.expect("b1", clocked.now + seconds, is_card)


def test_a_camera_that_comes_back_as_another_device_has_not_left_and_settles_anew(clocked):
    expecting_a_card(clocked)
    assert clocked.see(after=10).gone == ()
    assert clocked.bays.current("b1") is None
    seen = clocked.see(CARD, after=10)
    assert (seen.gone, seen.connected, seen.arrived) == ((), (), ())
    assert clocked.see(CARD, after=SETTLE).arrived == (("b1", CARD),)


def test_what_it_comes_back_as_is_not_admitted_for_what_it_was(clocked):
    expecting_a_card(clocked)
    clocked.see(after=1)
    assert clocked.see(replace(CARD, authorized=True), after=1).deauthorise == (replace(CARD, authorized=True),)


def test_it_may_come_and_go_until_its_time_is_over(clocked):
    expecting_a_card(clocked)
    clocked.see(CARD, after=5)
    assert clocked.see(after=1).gone == ()
    again = replace(CARD, device_number=7)
    clocked.see(again, after=5)
    assert clocked.see(again, after=SETTLE).arrived == (("b1", again),)


def test_another_device_than_the_expected_one_is_an_arrival_of_its_own(clocked):
    expecting_a_card(clocked)
    other = device(BAY_1, 6, serial="BWC2")
    assert clocked.see(other, after=5).gone == ("b1",)
    assert clocked.see(other, after=SETTLE).arrived == (("b1", other),)


def test_one_that_is_not_back_in_its_time_is_gone(clocked):
    expecting_a_card(clocked)
    clocked.see(after=20)
    assert clocked.bays.next_due(clocked.now) == pytest.approx(10)
    assert clocked.see(after=10).gone == ("b1",)
    assert clocked.see(CARD).gone == ()
    assert clocked.see(CARD, after=SETTLE).arrived == (("b1", CARD),)


def test_one_that_claims_the_same_in_another_bay_is_not_the_one_that_is_expected_back(clocked):
    """Many a model gives every camera the same serial number while it is locked."""
    other = device(BAY_2, 9)
    clocked.see(CAMERA, other)
    clocked.see(CAMERA, other, after=SETTLE)
    clocked.bays.expect("b1", clocked.now + 30, is_card)
    assert clocked.see(other, after=5).gone == ()
    assert clocked.see(CARD, other, after=5).gone == ()
    assert clocked.see(CARD, other, after=SETTLE).arrived == (("b1", CARD),)


def test_what_is_away_again_is_not_announced_before_it_has_come_back_and_settled(clocked):
    expecting_a_card(clocked)
    clocked.see(CARD, after=5)
    assert clocked.see(after=SETTLE / 2).arrived == ()
    assert clocked.see(after=SETTLE).arrived == ()
    again = replace(CARD, device_number=7)
    assert clocked.see(again, after=5).gone == ()
    assert clocked.see(again, after=SETTLE).arrived == (("b1", again),)
