"""Loads one driver and tells what it says of itself, in a process that it may hang or take down with it.

    python -P -m dockd.driver_look NAME REFERENCE

Prints one line of JSON: `version`, `source`, `abilities` and `options`, or the `fault` that keeps it from being used.
"""

import json
import os
import sys
from typing import Any

from dockd import catalogue
from dockd.errors import DriverError, unexpected


def look(name: str, reference: str) -> dict[str, Any]:
    try:
        driver = catalogue.load(name, reference)
    except DriverError as error:
        return {"fault": error.message}
    try:
        return {
            "version": str(driver.version),
            "source": str(driver.source),
            "abilities": sorted(str(each) for each in driver.abilities),
            "options": sorted(str(each) for each in driver.option_names),
        }
    except Exception as error:  # attributes of a class of others, as in `catalogue.load`
        return {"fault": unexpected(error)}


def main() -> None:
    name, reference = sys.argv[1:]
    # What a driver prints while it is loaded is no answer of ours.
    answer = os.dup(1)
    os.dup2(2, 1)
    told = look(name, reference)
    os.write(answer, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    main()
