"""Labels of the stage graph's boxes."""

import pytest

from entrypoints.web.view_models.runs.stage_graph import build_definition_graph
from tests.support.in_process import InProcessHeadgate


@pytest.mark.parametrize(
    ("name", "longest", "is_cut"),
    [("transform-customer-orders", 25, False), ("i" * 100, 26, True), ("W" * 100, 17, True)],
)
async def test_a_label_fits_its_box_also_in_capital_letters(headgate: InProcessHeadgate, name: str, longest: int, is_cut: bool) -> None:
    await headgate.stories.add_pipeline("etl", [name])
    pipeline = await headgate.fakes.reader.pipeline("etl")
    assert pipeline is not None

    (node,) = build_definition_graph(pipeline).nodes

    assert len(node.label) <= longest and node.label.endswith("…") == is_cut and node.full_name == name
