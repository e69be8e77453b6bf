"""The summary page: whole by itself, and harmless whatever a film is called."""

from __future__ import annotations

from html.parser import HTMLParser

from realtime3d.batch.page import Bars, Rows, page


class Strict(HTMLParser):
    """Counts what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_name_is_text() -> None:
    nasty = '<script>alert("x")</script>&\'"'
    bars = Bars(nasty, [1, 0, 3], [0, 0.5, 1, 1.5], nasty, nasty)
    table = Rows(nasty, (nasty, " n"), [(nasty, "1")], nasty)
    text = page(nasty, nasty, [(nasty, nasty)], [bars], [table, Rows("none", ("a",), [], nasty)])
    reader = Strict()
    reader.feed(text)
    assert reader.open == []
    assert "script" not in reader.tags
    assert "svg" in reader.tags


def test_a_plot_without_anything_is_left_out() -> None:
    assert "<svg" not in page("t", "w", [], [Bars("b", [0, 0], [0, 1, 2], "x", "y")], [])
