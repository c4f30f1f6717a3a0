"""The unlocker of cameras with the ASCII protocol, against a simulated device: what it is told, and what it may say."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockd.driver.abilities import read_clock, set_clock
from dockd.errors import CameraBusy, CameraDenied, CameraGone, CameraProtocol, CameraUnsupported, DriverError
from dockd.testing.unlocking import UnlockContract
from drivers import ambarella
from tests.drivers.ambarella_camera import CREDENTIAL, IDENTITY, AmbarellaCamera

NOON = datetime(2026, 11, 23, 12, 34, 56, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[AmbarellaCamera]:
    camera = AmbarellaCamera()
    monkeypatch.setattr(ambarella, "opened", camera.bus.device)
    yield camera
    camera.close()


@pytest.fixture
def scene(camera: AmbarellaCamera) -> AmbarellaCamera:
    return camera


class TestAmbarellaKeepsTheContract(UnlockContract):
    pass


def test_it_is_greeted_asked_who_it_is_and_told_to_come_back(camera: AmbarellaCamera) -> None:
    session = camera.open()
    assert session.identify() == IDENTITY
    assert session.identify() == IDENTITY
    session.unlock()
    session.close()
    assert camera.responder.said == [
        "@Ver;8;00000000;#",
        f"@Gdv;8;{CREDENTIAL};#",
        f"@ATH;8;{CREDENTIAL};#",
    ]
    assert camera.responder.is_told


def test_it_is_set_to_the_time_of_the_zone_that_is_given_and_tells_none(camera: AmbarellaCamera) -> None:
    session = camera.open()
    with pytest.raises(CameraUnsupported):
        read_clock(session)
    set_clock(session, NOON)
    assert camera.responder.said[1:] == ["@Sdt;8;20261123;#", "@Stm;6;12345600;#"]


def test_a_clock_that_is_not_set_is_said_to_be(camera: AmbarellaCamera) -> None:
    camera.responder.answers["Stm"] = b"Stm;FAIL"
    with pytest.raises(CameraUnsupported):
        set_clock(camera.open(), NOON)


@pytest.mark.parametrize(
    "answer", [IDENTITY.encode(), b"Gdv;X81A2207", b"@Gdv;X81A2207;#", b"X81A2207\0\0\0\0", b"Gdv;X81A2207;#\r\n"]
)
def test_the_id_is_found_in_whatever_frame_it_comes(camera: AmbarellaCamera, answer: bytes) -> None:
    camera.responder.answers["Gdv"] = answer
    assert camera.open().identify() == IDENTITY


@pytest.mark.parametrize(
    "answer",
    [
        b"Gdv;ERR",
        b"err",
        b"OK",
        b"Gdv;OK",
        b"Gdv;",
        b"Gdv",
        b"Gdv;a;b",
        b"Gdv;../..",
        b"Gdv;" + b"x" * 65,
        b"\xff\xfe",
        b"\0",
        b";;;#",
    ],
)
def test_whatever_is_no_id_counts_as_a_refused_credential_which_is_sent_once(
    camera: AmbarellaCamera, answer: bytes
) -> None:
    camera.responder.answers["Gdv"] = answer
    session = camera.open()
    for ask in (session.identify, session.identify, session.unlock):
        with pytest.raises(CameraDenied):
            ask()
    assert camera.credentials_seen() == [CREDENTIAL]


def test_answers_that_an_earlier_session_left_behind_are_passed_over(camera: AmbarellaCamera) -> None:
    camera.responder.before = lambda name: camera.responder.bulk_in.write(b"Ver;OK") if name == "Gdv" else None
    session = camera.open()
    assert session.identify() == IDENTITY
    session.unlock()
    assert camera.responder.is_told


def test_a_camera_that_answers_on_and_on_what_it_was_not_asked_is_left(camera: AmbarellaCamera) -> None:
    def before(name: str) -> None:
        for _number in range(100 if name == "Gdv" else 0):
            camera.responder.bulk_in.write(b"Ver;OK")

    camera.responder.before = before
    with pytest.raises(CameraDenied):
        camera.open().identify()
    assert camera.credentials_seen() == [CREDENTIAL]


def test_silence_after_the_credential_counts_as_a_refusal_too(camera: AmbarellaCamera) -> None:
    session = camera.open()
    camera.bus.silent = True
    for _number in range(2):
        with pytest.raises(CameraDenied):
            session.identify()
    assert camera.credentials_seen() == [CREDENTIAL]


@pytest.mark.parametrize("credential", ["", "1234567", "123456789", "1234;678", "1234#678", "1234 678", "é2345678"])
def test_a_credential_that_it_cannot_have_is_not_sent(camera: AmbarellaCamera, credential: str) -> None:
    with pytest.raises(CameraUnsupported):
        camera.open(credential)
    assert camera.responder.said == []


def goes(camera: AmbarellaCamera) -> None:
    camera.bus.gone = True


def falls_silent(camera: AmbarellaCamera) -> None:
    camera.bus.silent = True


@pytest.mark.parametrize("leave", [goes, falls_silent])
def test_that_it_leaves_in_place_of_an_answer_is_no_fault(
    camera: AmbarellaCamera, leave: Callable[[AmbarellaCamera], None]
) -> None:
    session = camera.open()
    session.identify()
    camera.responder.before = lambda name: leave(camera) if name == "ATH" else None
    session.unlock()
    with pytest.raises(CameraBusy):
        session.identify()


def test_that_it_refuses_to_show_its_card_is_said(camera: AmbarellaCamera) -> None:
    camera.responder.answers["ATH"] = b"ATH;NG"
    with pytest.raises(CameraDenied):
        camera.open().unlock()


def test_one_that_was_pulled_out_is_gone(camera: AmbarellaCamera) -> None:
    session = camera.open()
    camera.bus.gone = True
    with pytest.raises(CameraGone):
        session.identify()
    session.close()


@pytest.mark.parametrize("answer", [b"Ver;ERR", b"hello", b"\x01\x02", b"\0" * 64])
def test_what_does_not_speak_the_protocol_is_not_given_the_credential(camera: AmbarellaCamera, answer: bytes) -> None:
    camera.responder.answers["Ver"] = answer
    with pytest.raises(CameraProtocol):
        camera.open()
    assert camera.credentials_seen() == []
    assert camera.bus.claimed == set()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(answers=st.fixed_dictionaries({name: st.binary(min_size=1, max_size=512) for name in ("Gdv", "ATH", "Sdt")}))
def test_whatever_it_answers_only_driver_errors_come_out(camera: AmbarellaCamera, answers: dict[str, bytes]) -> None:
    camera.responder.said.clear()
    camera.responder.answers = answers
    session = camera.open()
    try:
        set_clock(session, NOON)
        session.unlock()
    except DriverError:
        pass
    finally:
        session.close()
    assert camera.credentials_seen() in ([], [CREDENTIAL], [CREDENTIAL] * 2)
