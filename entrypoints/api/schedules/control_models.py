"""What people ask of schedules, as the API takes it."""

from typing import Literal

from pydantic import Field

from entrypoints.api.shared.models import RequestModel, with_example


class ResumeRequest(RequestModel):
    """What to do with the ticks of the pause."""

    model_config = with_example({"catch_up": "latest"})

    catch_up: Literal["none", "latest", "all"] = Field("none", description="Which ticks of the pause run now: none, the latest, or all.")
