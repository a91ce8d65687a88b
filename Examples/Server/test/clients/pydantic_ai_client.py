"""Pydantic AI: agents with typed results."""

import client
import samples
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from samples import City, Weather


def agent(target, **options):
    model = OpenAIChatModel(target.model, provider=OpenAIProvider(base_url=target.base_url, api_key="none"))
    return Agent(model, model_settings={"temperature": 0}, retries=0, **options)


def typed_result(target):
    # By a function's call, which is the default, and by response_format.
    for kind in [City, NativeOutput(City)]:
        result = agent(target, output_type=kind).run_sync(samples.QUESTION)
        assert isinstance(result.output, City), result
        assert result.usage.output_tokens > 0, result


class WeatherFirst(AbstractCapability):
    """The model calls get_weather first, and then answers."""

    def get_model_settings(self):
        return lambda context: {
            "tool_choice": ["get_weather"] if context.run_step == 1 else "none", "max_tokens": 64, "temperature": 0}


def tool_call(target):
    calls = []

    def get_weather(weather: Weather) -> str:
        """The weather of a city."""
        calls.append(weather)
        return f"It is sunny in {weather.city}."

    question = "How is the weather in Oslo?"
    result = agent(target, tools=[get_weather], capabilities=[WeatherFirst()]).run_sync(question)
    assert len(calls) == 1 and isinstance(calls[0], Weather), calls
    assert result.output and result.usage.requests == 2, result


def stream(target):
    result = agent(target).run_stream_sync(samples.QUESTION)
    assert "Paris" in list(result.stream_text())[-1]


client.run(typed_result, tool_call, stream)
