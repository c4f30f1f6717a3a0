from tests.fuzz.fuzz_ambarella import fuzz


def test_no_camera_surprises_the_ambarella_unlocker(seed):
    tally = fuzz(2000, seed)
    print(tally)
    assert {"unlocked", "CameraDenied", "CameraGone", "CameraProtocol"} <= set(tally.ends)
    assert tally.ends["unlocked"] > 200
