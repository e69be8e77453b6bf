"""Films of object stores that speak as the real ones do: S3 by moto, Google Cloud Storage and Azure by their emulators.

moto and gcp-storage-emulator come from pip, azurite from npm; what is not installed is skipped.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

fsspec = pytest.importorskip("fsspec", reason="the [remote] extra is not installed")

from realtime3d.batch.inputs import find_films
from realtime3d.errors import SourceError
from realtime3d.sources.remote import Fetched
from tests.helpers.avatars import until

FILMS = {"takes/a.mp4": b"first", "takes/deep/b.mp4": b"second", "takes/notes.txt": b"no film"}
AZURITES = "devstoreaccount1"  # the account and the key that its makers publish for it
AZURITES_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def needs(*modules: str) -> None:
    for name in modules:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    needs("s3fs", "moto", "flask")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", free_port())
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield "s3"
    server.stop()


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    needs("gcsfs", "gcp_storage_emulator")
    from gcp_storage_emulator.server import create_server

    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
    yield "gs"
    server.stop()


@pytest.fixture
def abfs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    needs("adlfs")
    azurite = shutil.which("azurite-blob")
    if azurite is None:
        pytest.skip("azurite is not installed: npm install azurite, and put its azurite-blob on the path")
    port = free_port()
    command = [azurite, "--blobPort", str(port), "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    place = f"http://127.0.0.1:{port}/{AZURITES}"
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"DefaultEndpointsProtocol=http;AccountName={AZURITES};AccountKey={AZURITES_KEY};BlobEndpoint={place};",
    )
    assert until(lambda: listens(port))
    yield "abfs"
    server.terminate()
    server.wait(10)


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["s3", "gs", "abfs"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket with two films, as users name it."""
    scheme = request.getfixturevalue(request.param)
    fsspec.filesystem(scheme).clear_instance_cache()
    system: Any = fsspec.filesystem(scheme)
    bucket = f"films-{uuid.uuid4()}"
    system.mkdir(bucket)
    for name, content in FILMS.items():
        system.pipe_file(f"{bucket}/{name}", content)
    yield f"{scheme}://{bucket}"
    system.clear_instance_cache()


def test_films_are_found_and_fetched(store: str, tmp_path: Path) -> None:
    films = list(find_films([store], tmp_path))
    assert [(film.address, film.bytes) for film in films] == [
        (f"{store}/takes/a.mp4", 5),
        (f"{store}/takes/deep/b.mp4", 6),
    ]
    assert [film.address for film in find_films([f"{store}/takes/*.mp4"], tmp_path)] == [f"{store}/takes/a.mp4"]
    with Fetched() as fetched:
        assert [Path(fetched(film.address)).read_bytes() for film in films] == [b"first", b"second"]


def test_what_is_not_there_is_said_in_one_line(store: str, tmp_path: Path) -> None:
    for address in (f"{store}/none", f"{store.partition('://')[0]}://no-such-bucket/takes"):
        with pytest.raises(SourceError) as refused:
            list(find_films([address], tmp_path))
        assert address in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(SourceError, match=r"gone\.mp4 cannot be read"), Fetched() as fetched:
        fetched(f"{store}/gone.mp4")
