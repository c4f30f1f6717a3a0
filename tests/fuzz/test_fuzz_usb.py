from tests.fuzz.fuzz_usb import fuzz


def test_no_lying_device_surprises_the_reader(seed):
    tally = fuzz(3000, seed)
    print(tally)
    assert tally.cases == 3000
    assert {"allowed", "malformed", "usb_hub", "usb_interface_extra"} <= set(tally.ends)
    assert min(tally.ends["allowed"], tally.ends["usb_interface_extra"]) > 100
    assert tally.ends["through the kernel"] > 1000
