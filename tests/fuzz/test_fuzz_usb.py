from tests.fuzz.fuzz_usb import run


def test_no_lying_device_surprises_the_reader(seed):
    tally = run(3000, seed)
    print(tally)
    assert tally.cases == 3000
    assert {"allowed", "malformed", "usb_hub", "usb_interface_extra", "usb_interface_missing"} <= set(tally.ends)
    assert min(tally.ends["allowed"], tally.ends["usb_interface_extra"]) > 100
    assert tally.through_kernel > 1000
