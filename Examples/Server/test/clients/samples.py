"""What several clients ask for. A small model can't be relied on to choose well, so every value is one of a few."""

from typing import Literal

import pydantic

QUESTION = "What is the capital of France?"


class City(pydantic.BaseModel):
    """A city."""

    name: Literal["Paris", "Oslo"]
    is_capital: bool
    population_in_millions: int = pydantic.Field(ge=1, le=40)


class Weather(pydantic.BaseModel):
    """What the function get_weather takes."""

    city: Literal["Paris", "Oslo"]
    days: int = pydantic.Field(ge=1, le=7)
