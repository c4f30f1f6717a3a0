from tests.fuzz.fuzz_usb import fuzz


def test_no_lying_device_surprises_the_reader(seed):
    tally = fuzz(3000, seed)
    print(tally)
    assert tally.cases == 3000
    assert min(tally.ends[end] for end in ("malformed", "understood", "hub")) > 100
    assert tally.ends["through the kernel"] > 1000
