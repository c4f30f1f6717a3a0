"""The unlocker of GA/T 947, against libraries that differ as vendors' libraries do."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dockd.driver.abilities import CameraState, read_clock, read_state, set_clock
from dockd.errors import CameraBusy, CameraDenied, CameraGone, CameraProtocol, CameraUnsupported
from drivers.gat947 import MAX_PASSWORD, Gat947Unlocker
from tests.drivers.gat947.vendor import HERE, OFFICER, PASSWORD, SERIAL, VendorCamera, compiled, needs_compiler

pytestmark = needs_compiler

SOUND = ["plain", "terminated", "short_results", "bool_returns", "always_true", "one_code", "no_codes", "gbk"]
WRONG = "654321"


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorCamera]:
    yield VendorCamera(tmp_path, monkeypatch)


@pytest.mark.parametrize("library", SOUND)
def test_a_camera_says_who_it_is_and_is_unlocked_whatever_its_library_is_like(
    camera: VendorCamera, library: str
) -> None:
    session = camera.open(library)
    assert session.identify() == session.identify() == SERIAL
    session.unlock()
    assert camera.is_told
    session.close()
    assert camera.calls == ["Init_Device", f"GetZFYInfo {PASSWORD}", f"SetMSDC {PASSWORD}"]


@pytest.mark.parametrize("library", SOUND)
def test_a_wrong_password_is_refused_once_and_sent_no_second_time(camera: VendorCamera, library: str) -> None:
    session = camera.open(library, WRONG)
    with pytest.raises(CameraDenied) as caught:
        session.identify()
    assert "credential" in caught.value.advice
    with pytest.raises(CameraDenied):
        read_state(session)
    with pytest.raises(CameraDenied):
        set_clock(session, datetime.now(UTC))
    with pytest.raises(CameraDenied):
        session.unlock()
    assert camera.calls == ["Init_Device", f"GetZFYInfo {WRONG}"]
    assert not camera.is_told


def test_a_password_that_was_right_is_not_taken_for_wrong_when_something_else_fails(camera: VendorCamera) -> None:
    session = camera.open("unreachable")
    session.identify()
    with pytest.raises(CameraBusy):
        session.unlock()


def test_a_password_that_no_call_has_taken_yet_may_be_wrong_when_no_reason_is_told(camera: VendorCamera) -> None:
    session = camera.open("unreachable")
    with pytest.raises(CameraDenied, match="SetMSDC failed with the code 2"):
        session.unlock()


@pytest.mark.parametrize(
    ("library", "officer"),
    [("plain", OFFICER), ("terminated", OFFICER), ("plain_no_officer", None), ("terminated_no_officer", None)],
)
def test_both_forms_of_the_information_are_told_apart(camera: VendorCamera, library: str, officer: str | None) -> None:
    session = camera.open(library)
    assert session.identify() == SERIAL
    assert read_state(session) == CameraState(battery_percent=80, officer=officer)


@pytest.mark.parametrize(("library", "info_bytes"), [("plain", "89"), ("terminated", "94")])
def test_the_form_of_the_information_can_be_said(camera: VendorCamera, library: str, info_bytes: str) -> None:
    session = camera.open(library, info_bytes=info_bytes)
    assert (session.identify(), read_state(session).officer) == (SERIAL, OFFICER)


def test_a_shorter_serial_number_is_one(camera: VendorCamera) -> None:
    session = camera.open("short_serial")
    assert (session.identify(), read_state(session).officer) == ("A12", OFFICER)


@pytest.mark.parametrize(("library", "officer"), [("gbk", "警员07"), ("no_text", None)])
def test_an_officer_may_be_written_in_gbk(camera: VendorCamera, library: str, officer: str | None) -> None:
    assert read_state(camera.open(library)).officer == officer


@pytest.mark.parametrize("library", ["never_set", "no_serial"])
def test_a_serial_number_that_tells_no_camera_from_another_is_none(camera: VendorCamera, library: str) -> None:
    session = camera.open(library)
    with pytest.raises(CameraProtocol, match="serial number"):
        session.identify()


@pytest.mark.parametrize("library", ["nonsense_battery", "negative_battery", "without_extras"])
def test_a_battery_that_makes_no_sense_is_not_told(camera: VendorCamera, library: str) -> None:
    assert read_state(camera.open(library)) == CameraState(officer=OFFICER)


def test_the_model_can_stand_before_the_serial_number(camera: VendorCamera) -> None:
    session = camera.open("plain", identity="model-serial", id_code="DSJX9")
    assert session.identify() == f"DSJX9-{SERIAL}"
    assert camera.calls[0] == "Init_Device DSJX9"


@pytest.fixture
def _in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_new_york")
@pytest.mark.parametrize("hours", [-9.5, 0, 2, 5.75])
def test_its_clock_is_set_in_the_zone_that_it_is_to_show(camera: VendorCamera, hours: float) -> None:
    now = datetime.now(timezone(timedelta(hours=hours)))
    here = time.localtime().tm_hour
    set_clock(camera.open("plain"), now)
    shown = datetime.fromisoformat((camera.folder / "clock").read_text())
    assert abs(shown - now.replace(tzinfo=None)) < timedelta(minutes=1)
    assert (time.localtime().tm_hour - here) % 24 <= 1 and time.tzname[0] == "EST"


@pytest.mark.parametrize("library", SOUND)
def test_that_the_clock_was_set_is_understood_whatever_the_library_is_like(camera: VendorCamera, library: str) -> None:
    set_clock(camera.open(library), datetime.now(UTC))
    assert camera.calls[-1] == f"SyncDevTime {PASSWORD}"


def test_its_clock_cannot_be_read(camera: VendorCamera) -> None:
    with pytest.raises(CameraUnsupported):
        read_clock(camera.open("plain"))


def test_a_clock_that_its_library_cannot_set_is_not_set(camera: VendorCamera) -> None:
    with pytest.raises(CameraUnsupported, match="SyncDevTime"):
        set_clock(camera.open("without_extras"), datetime.now(UTC))


def test_a_camera_that_leaves_the_bus_instead_of_an_answer_is_unlocked(camera: VendorCamera) -> None:
    session = camera.open("leaves")
    session.unlock()
    with pytest.raises(CameraBusy):
        session.identify()


def test_a_camera_that_cannot_come_back_as_a_card_says_so(camera: VendorCamera) -> None:
    session = camera.open("no_card")
    with pytest.raises(CameraBusy, match="card"):
        session.unlock()


def test_a_camera_that_was_not_unlocked_is_let_go_once(camera: VendorCamera) -> None:
    session = camera.open("plain")
    session.close()
    session.close()
    assert camera.calls == ["Init_Device", "UnInit_Device"]


@pytest.mark.parametrize("library", ["writes_past", "writes_before"])
def test_a_library_that_writes_where_it_must_not_is_believed_nothing_any_more(
    camera: VendorCamera, library: str
) -> None:
    session = camera.open(library)
    for _again in range(2):
        with pytest.raises(CameraProtocol, match="past the memory"):
            session.identify()
    with pytest.raises(CameraProtocol):
        session.unlock()
    session.close()
    assert camera.calls == ["Init_Device", f"GetZFYInfo {PASSWORD}"]


def test_a_library_that_writes_past_its_battery_is_believed_nothing_else_either(camera: VendorCamera) -> None:
    session = camera.open("long_battery")
    assert session.identify() == SERIAL
    with pytest.raises(CameraProtocol, match="past the memory"):
        read_state(session)


def test_a_library_that_writes_more_than_a_number_for_its_code_is_found_out_at_once(camera: VendorCamera) -> None:
    with pytest.raises(CameraProtocol, match="past the memory"):
        camera.open("long_result")


def test_a_camera_that_has_gone_before_it_was_opened_is_gone(camera: VendorCamera) -> None:
    camera.node.unlink()
    with pytest.raises(CameraGone):
        camera.open("plain")


def test_a_library_without_a_call_that_unlocking_takes_says_which(camera: VendorCamera) -> None:
    with pytest.raises(CameraUnsupported, match="it lacks SetMSDC") as caught:
        camera.open("without_storage")
    assert "vendor" in caught.value.advice
    assert camera.calls == []


def of_another_machine(library: Path) -> bytes:
    raw = bytearray(library.read_bytes())
    raw[18] ^= 0xFF
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "no shared library for this machine"),
        (b"MZ\x90\x00" * 100, "Windows"),
        (of_another_machine, "no shared library for this machine"),
        (lambda library: library.read_bytes()[:100], "short|ELF|read file data"),
    ],
    ids=["none", "empty", "of Windows", "of another machine", "cut off"],
)
def test_what_is_no_library_for_this_machine_says_what_it_is(
    camera: VendorCamera, tmp_path: Path, content: object, reason: str
) -> None:
    library = tmp_path / "vendor.so"
    if content is not None:
        library.write_bytes(content(compiled("plain")) if callable(content) else content)
    unlocker = Gat947Unlocker({"library": str(library)})
    with pytest.raises(CameraUnsupported, match=reason) as caught:
        unlocker.open(camera.source, PASSWORD)
    assert str(library) in caught.value.message and caught.value.advice


def test_a_library_that_needs_what_is_not_installed_says_what(camera: VendorCamera) -> None:
    with pytest.raises(CameraUnsupported, match="of_no_system"):
        camera.open("needs_more")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"library": "vendor.so"},
        {"library": "/opt/vendor.so", "info_bytes": "90"},
        {"library": "/opt/vendor.so", "identity": "name"},
        {"library": "/opt/vendor.so", "id_code": "much too long"},
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(options: dict[str, str]) -> None:
    with pytest.raises(CameraUnsupported) as caught:
        Gat947Unlocker(options)
    assert (list(options) or ["library"])[-1] in caught.value.message


def test_a_password_that_would_not_fit_a_library_is_not_handed_to_it(camera: VendorCamera) -> None:
    with pytest.raises(CameraUnsupported, match=str(MAX_PASSWORD)):
        camera.open("plain", "1" * (MAX_PASSWORD + 1))
    assert camera.calls == []


def test_every_library_here_is_of_use() -> None:
    here = "".join(path.read_text() for path in HERE.parent.glob("test_gat947*.py"))
    assert [path.stem for path in HERE.glob("*.c") if f'"{path.stem}"' not in here] == []
