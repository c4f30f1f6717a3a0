"""Loads one driver and tells what it says of itself, in a process that it may hang or take down with it.

    python -P -m dockd.driver_look NAME REFERENCE

Prints one line of JSON: a `catalogue.Look`.
"""

import os
import sys

import msgspec

from dockd import catalogue
from dockd.catalogue import Look
from dockd.driver.declared import DeclaredDriver
from dockd.errors import DriverError


def look(name: str, reference: str) -> Look:
    try:
        driver = catalogue.load(name, reference)
    except DriverError as error:
        # A message of code of others may hold what no UTF-8 can.
        return Look(fault=error.message.encode("utf-8", "backslashreplace").decode())
    usb_ids = sorted(driver.usb_ids)
    if issubclass(driver, DeclaredDriver):
        return Look(driver.version, usb_ids=usb_ids, maker=driver.maker, needs=driver.needs)
    abilities, options = sorted(map(str, driver.abilities)), sorted(driver.option_names)
    return Look(driver.version, str(driver.source), abilities, options, usb_ids)


def main() -> None:
    name, reference = sys.argv[1:]
    # What a driver prints while it is loaded is no answer of ours.
    answer = os.dup(1)
    os.dup2(2, 1)
    os.write(answer, msgspec.json.encode(look(name, reference)))


if __name__ == "__main__":
    main()
