"""The two YAML files of a site, read into frozen models; whatever is wrong with them is said all at once.

`load.load` is for whoever starts to work; `shape.parse` (the shape of the files) and `checks.check` (their logic,
against this machine) are its two halves. `control.asked` is for whoever only asks a running dock.
"""
