"""USB devices that the guest pretends to be, with any ids and interfaces: Linux's gadgets, on a bus without wires.

https://docs.kernel.org/usb/gadget_configfs.html
"""

from tests.vm.agent import Agent

CONTROLLER = "/sys/devices/platform/dummy_hcd.0"
MASS_STORAGE, KEYBOARD = "mass_storage", "hid"

# The boot keyboard of HID 1.11, appendix B.1, without its lights.
_KEYBOARD = "05010906a101050719e029e71500250175019508810295017508810195067508150025650507190029658100c0"
_FUNCTIONS = {
    MASS_STORAGE: "truncate -s 1M /run/gadget.img; echo /run/gadget.img >{function}/lun.0/file",
    KEYBOARD: "(cd {function}; echo 1 >protocol; echo 1 >subclass; echo 8 >report_length; cat >report_desc)",
}


def plug(agent: Agent, serial: str, functions: list[str], vendor_product: str = "1d6b:0104") -> None:
    """Plug a device with these interfaces into the gadget's port, `layout.GADGET_PORT`; its disk is empty."""
    vendor, product = vendor_product.split(":")
    commands = ["set -e; mkdir /sys/kernel/config/usb_gadget/device; cd /sys/kernel/config/usb_gadget/device"]
    commands += [f"echo 0x{vendor} >idVendor; echo 0x{product} >idProduct; mkdir strings/0x409 configs/c.1"]
    commands += [f"echo {serial} >strings/0x409/serialnumber"]
    for name in functions:
        function = f"functions/{name}.0"
        commands += [f"mkdir {function}; {_FUNCTIONS[name].format(function=function)}; ln -s {function} configs/c.1/"]
    agent.do("; ".join([*commands, "echo dummy_udc.0 >UDC"]), bytes.fromhex(_KEYBOARD))


def unplug(agent: Agent) -> None:
    """Pull it out; another can then be plugged in."""
    commands = ["set -e; cd /sys/kernel/config/usb_gadget/device; echo >UDC; rm configs/c.1/*.0"]
    commands += ["rmdir functions/* configs/c.1 strings/0x409; cd ..; rmdir device"]
    agent.do("; ".join(commands))
