from tests.fuzz.fuzz_mtp import fuzz


def test_no_camera_surprises_the_mtp_driver(seed):
    tally = fuzz(2000, seed)
    print(tally)
    assert {"understood", "CameraBusy", "CameraProtocol", "CameraMedia"} <= set(tally.ends)
    assert tally.ends["understood"] > 200
