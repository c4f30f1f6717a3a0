from dockd.detect.udev import enumerate_bus


def test_the_bus_of_this_machine_can_be_listed():
    """Most machines that run this have none: how a device is told is for tests/cli/test_probe.py."""
    for device in enumerate_bus():
        assert device.sys_path and device.descriptors
