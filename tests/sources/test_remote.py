"""Films of servers and object stores: what is listed, what is fetched, what is said when that fails."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

fsspec = pytest.importorskip("fsspec", reason="the [remote] extra is not installed")

from realtime3d.errors import SourceError
from realtime3d.sources import remote
from realtime3d.sources.remote import Fetched

FILMS = {".mp4"}


@pytest.fixture
def store() -> Iterator[str]:
    """A store in memory with two films."""
    system = fsspec.filesystem("memory")
    for name in ("takes/a.mp4", "takes/deep/b.mp4", "takes/notes.txt"):
        with system.open(f"/{name}", "wb") as file:
            file.write(name.encode())
    yield "memory://takes"
    system.store.clear()


def test_a_folder_is_listed(store: str) -> None:
    found = list(remote.listed(store, FILMS))
    assert [film.address for film in found] == ["memory:///takes/a.mp4", "memory:///takes/deep/b.mp4"]
    assert [film.bytes for film in found] == [11, 16]


def test_a_pattern_and_one_film(store: str) -> None:
    assert [f.address for f in remote.listed(f"{store}/*.mp4", FILMS)] == ["memory:///takes/a.mp4"]
    assert [f.address for f in remote.listed(f"{store}/notes.txt", FILMS)] == ["memory:///takes/notes.txt"]


def test_a_film_is_fetched_once_for_all_its_parts(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    usual = remote.fetched
    monkeypatch.setattr(remote, "fetched", lambda address: opened.append(address) or usual(address))
    with Fetched() as fetched:
        first = Path(fetched(f"{store}/a.mp4"))
        assert (first.name, first.read_bytes()) == ("a.mp4", b"takes/a.mp4")
        assert Path(fetched(f"{store}/a.mp4")) == first
        other = Path(fetched(f"{store}/deep/b.mp4"))
        assert not first.exists()
    assert not other.exists()
    assert len(opened) == 2


@pytest.mark.parametrize("address", ["film.mp4", "/a/film.mp4", "https://host/film.mp4"])
def test_what_needs_no_fetching(address: str) -> None:
    with Fetched() as fetched:
        assert fetched(address) == address


@pytest.mark.parametrize("address", ["memory://takes/gone.mp4", "nosuchscheme://x/y.mp4"])
def test_what_is_not_there(store: str, address: str) -> None:
    with Fetched() as fetched, pytest.raises(SourceError, match="cannot be read"):
        fetched(address)


def test_no_password_in_what_is_said() -> None:
    with Fetched() as fetched, pytest.raises(SourceError) as caught:
        fetched("ftp://user:secret@127.0.0.1:1/a.mp4")
    assert "secret" not in str(caught.value)


def test_an_object_store(tmp_path: Path) -> None:
    """A server that speaks S3's protocol."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto = server.ThreadedMotoServer(port=0)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        options = {"endpoint_url": f"http://{host}:{port}", "key": "k", "secret": "s"}
        system = s3fs.S3FileSystem(**options)
        system.mkdir("bucket")
        with system.open("bucket/takes/a.mp4", "wb") as file:
            file.write(b"film")
        fsspec.config.conf["s3"] = options
        assert [film.address for film in remote.listed("s3://bucket/takes", FILMS)] == ["s3://bucket/takes/a.mp4"]
        with remote.fetched("s3://bucket/takes/a.mp4") as film:
            assert film.read_bytes() == b"film"
    finally:
        fsspec.config.conf.pop("s3", None)
        moto.stop()


def test_a_list_on_a_server(tmp_path: Path) -> None:
    """A list of films by https: they are relative to it."""
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    from realtime3d.batch.inputs import find_films

    (tmp_path / "list.txt").write_text("a.mp4\nhttps://other/b.mp4\n")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        found = [film.address for film in find_films([f"{base}/list.txt"], tmp_path / "out")]
        server.shutdown()
    assert found == [f"{base}/a.mp4", "https://other/b.mp4"]
