"""The data set is one table for everybody who reads partitioned Parquet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.conftest import FRAMES, Batch


@pytest.fixture
def table(batch: Batch, films: Path, tmp_path: Path) -> Path:
    (films / "a.mp4").rename(films / "0001.mp4")  # a name that readers could take for a number
    batch()
    return tmp_path / "out" / "table"


WANTED = {"film-0001": FRAMES["a"], "b": FRAMES["b"], "c": FRAMES["c"]}


def test_pyarrow(table: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    read = dataset.dataset(table, partitioning="hive").to_table()
    films = read["film"].to_pylist()
    assert {film: films.count(film) for film in set(films)} == WANTED
    assert read.column_names[:3] == ["frame", "face_id", "timestamp"]


def test_pandas(table: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    read = pandas.read_parquet(table)
    assert read.groupby("film", observed=True).size().to_dict() == WANTED
    assert read["confidence"].between(0, 1).all()


def test_duckdb(table: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    sql = f"SELECT film, count(*) FROM read_parquet('{table}/*/*.parquet', hive_partitioning = true) GROUP BY film"
    assert dict(duckdb.sql(sql).fetchall()) == WANTED
