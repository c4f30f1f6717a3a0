"""docs/mp4-check.md says what the check is: every finding with its verdict, and dockd's side of the table."""

import re

from dockd.mp4.findings import Finding, leads_to
from tests.mp4.sources import kept
from tests.mp4.table import BEGIN, END, PAGE, WHOLE, verdicts

ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in ROW.findall(text)]


def test_every_finding_is_documented_with_its_verdict():
    findings = PAGE.read_text().partition("## Findings")[2].partition("## What")[0]
    documented = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(findings)[1:]}
    assert documented == {finding.value: leads_to(finding) for finding in Finding}


def test_the_table_says_what_the_check_says():
    head, *body = rows(PAGE.read_text().partition(BEGIN)[2].partition(END)[0])
    columns = head[2:]
    said = {
        cells[0]: {
            column: cell.partition(" / ")[0] for column, cell in zip(columns, cells[2:], strict=True) if cell != "–"
        }
        for cells in body
    }
    for source in kept():
        assert said[source.name] == {name: verdict for name, (verdict, _) in verdicts(source.read()).items()}
    assert {verdicts[WHOLE] for verdicts in said.values()} == {"ok"}
