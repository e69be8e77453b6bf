"""A net whose first layers stay in single precision: the same answers as the whole net, and nearer ones in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from realtime3d.backends import gate
from realtime3d.backends.base import NetSpec
from realtime3d.backends.openvino_ import Bfloat16Backend, OpenVinoBackend
from realtime3d.backends.openvino_split import FIRST, InTurn, _place
from realtime3d.errors import MissingError
from realtime3d.nets import modelset

pytest.importorskip("openvino")
NETS = [(models, part) for models in ("compact", "accurate") for part in ("track", "shape", "eyes")]


@pytest.fixture(params=NETS, ids="-".join)
def spec(request: pytest.FixtureRequest) -> NetSpec:
    models, part = request.param
    return modelset.find(models).nets[part]


@pytest.fixture
def bfloat16() -> Iterator[Bfloat16Backend]:
    try:
        yield Bfloat16Backend()
    except MissingError as error:
        pytest.skip(str(error))


class InSingle(OpenVinoBackend):
    """Both parts in single precision, also where the processor has no bfloat16."""

    _compiled = Bfloat16Backend._compiled


@pytest.mark.parametrize("faces", [1, 2, 5])
def test_both_parts_answer_as_the_whole_net(spec: NetSpec, faces: int) -> None:
    pictures = np.random.default_rng(faces).integers(0, 256, (faces, spec.size, spec.size, 3), np.uint8)
    whole, parts = OpenVinoBackend().load(spec), InSingle().load(spec)
    assert isinstance(parts._alone, InTurn) and isinstance(parts._team, InTurn)
    expected = {name: answer.copy() for name, answer in whole.run(pictures).items()}
    for _ in range(3):
        for name, answer in parts.run(pictures).items():
            np.testing.assert_allclose(answer, expected[name], rtol=1e-3, atol=2e-4)


def test_the_first_part_has_two_convolutions(spec: NetSpec) -> None:
    ordered = OpenVinoBackend()._read(spec).get_ordered_ops()
    place = _place(ordered)
    assert place is not None
    kinds = [op.get_type_name() for op in ordered]
    assert sum("Convolution" in kind for kind in kinds[: place + 1]) == FIRST


@pytest.mark.parametrize("part", ["track"])
def test_compact_passes_the_gate_because_of_it(part: str, bfloat16: Bfloat16Backend) -> None:
    spec = modelset.find("compact").nets[part]
    halves, whole = OpenVinoBackend.load(bfloat16, spec), _Plain().load(spec)
    assert gate.measured(halves)["rotation_deg"] < 0.7 * gate.measured(whole)["rotation_deg"]


class _Plain(OpenVinoBackend):
    """All layers in bfloat16."""

    precision = "bf16"
