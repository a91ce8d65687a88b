"""LiteLLM, which many programs use to reach any server."""

import client  # first: it sets what litellm reads when it is imported
import litellm
import samples
from samples import City

QUESTION = [{"role": "user", "content": samples.QUESTION}]


def complete(target, **options):
    return litellm.completion(**{
        "model": f"openai/{target.model}", "api_base": target.base_url, "api_key": "none", "messages": QUESTION,
        "temperature": 0, "num_retries": 0, **options})


def completion(target):
    answer = complete(target)
    assert "Paris" in answer.choices[0].message.content and answer.usage.completion_tokens > 0, answer


def stream(target):
    whole = complete(target).choices[0].message.content
    chunks = list(complete(target, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole, chunks


def schema(target):
    answer = complete(target, response_format=City)
    City.model_validate_json(answer.choices[0].message.content)


def text_completion(target):
    answer = litellm.text_completion(
        model=f"text-completion-openai/{target.model}", api_base=target.base_url, api_key="none",
        prompt="The capital of France is", temperature=0, max_tokens=8)
    assert "Paris" in answer.choices[0].text, answer


def context_window(target):
    """Programs shorten the conversation when they get this error; any other one ends them."""
    for content in ["word " * 9000, "word " * 300_000]:
        for streams in [False, True]:
            try:
                list(complete(target, messages=[{"role": "user", "content": content}], stream=streams))
            except litellm.ContextWindowExceededError:
                continue
            raise AssertionError("ContextWindowExceededError is expected")


client.run(completion, stream, schema, text_completion, context_window)
