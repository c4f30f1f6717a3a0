"""The register goes over the control socket as it is, even one that was tampered with."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.ops import pages
from dockd.register.body import Row
from dockd.register.schema import StoredCheckpoint

BYTES = st.binary(max_size=40)
ROWS = st.lists(
    st.tuples(BYTES, st.none() | BYTES, st.none() | BYTES, st.lists(BYTES, max_size=3)), max_size=2 * pages.PAGE_LIMIT
)


class Client:
    """Stands for the connection: answers from lists, as the daemon does from its journal."""

    def __init__(self, rows: list[Row], checkpoints: list[StoredCheckpoint]) -> None:
        self.rows = rows
        self.checkpoints = checkpoints

    def ask(self, question: str, **arguments: int) -> dict:
        after, limit = pages.span(arguments)
        if question == pages.ENTRIES:
            page = [row for row in self.rows if row.seq > after][:limit]
            return pages.write_rows(page, page[-1].seq if page else None)
        return pages.write_checkpoints([each for each in self.checkpoints if each.size > after][:limit])


@given(ROWS, st.lists(BYTES, max_size=5))
def test_every_row_and_checkpoint_arrives_as_it_was(rows, notes):
    sent = [Row(seq, leaf, salt, body, b"".join(nodes)) for seq, (leaf, salt, body, nodes) in enumerate(rows)]
    signed = [StoredCheckpoint(size, note) for size, note in enumerate(notes, start=1)]
    client = Client(sent, signed)
    assert list(pages.ask_rows(client, -1)) == sent
    assert list(pages.ask_checkpoints(client)) == signed


def test_more_than_a_page_and_fewer_than_one_row_are_not_given():
    assert pages.span({"after": 3, "limit": 10**9}) == (3, pages.PAGE_LIMIT)
    assert pages.span({"after": -1, "limit": -1}) == (-1, 1)
