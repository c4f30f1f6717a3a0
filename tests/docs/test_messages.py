"""Every sentence for people can be translated: the catalogue that translators get is the one of this code."""

import gettext
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "dockd" / "locale" / "dockd.pot"
EXTRACT = ["extract", "--no-location", "--sort-output", "--omit-header", "--width", "120"]


def test_the_catalogue_holds_every_sentence_of_the_code(tmp_path):
    fresh = tmp_path / "fresh.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", *EXTRACT, "-o", str(fresh)]
    subprocess.run([*command, "dockd", "drivers"], cwd=ROOT, check=True)
    assert CATALOGUE.read_text() == fresh.read_text(), "run: make messages"


def test_a_translation_reaches_what_a_person_reads(tmp_path):
    msgfmt = pytest.importorskip("babel.messages.mofile")
    from babel.messages.catalog import Catalog

    catalogue = Catalog(locale="fr")
    catalogue.add("no daemon answers on {path}", "aucun service ne répond sur {path}")
    binary = tmp_path / "fr" / "LC_MESSAGES" / "dockd.mo"
    binary.parent.mkdir(parents=True)
    with binary.open("wb") as file:
        msgfmt.write_mo(file, catalogue)
    assert gettext.find("dockd", tmp_path, ["fr"]) == str(binary)
    program = (
        "import pathlib, dockd.i18n as i18n, gettext;"
        f"i18n._ = gettext.translation('dockd', {str(tmp_path)!r}).gettext;"
        "from dockd.ops.control_client import ControlClient; ControlClient(pathlib.Path('/nowhere'))"
    )
    environment = {**os.environ, "LANGUAGE": "fr", "LC_ALL": "fr_FR.UTF-8"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert "aucun service ne répond sur /nowhere" in done.stderr
