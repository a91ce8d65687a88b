"""OpenAI's own client for Python."""

import client
import openai
import samples
from samples import City, Weather

QUESTION = [{"role": "user", "content": samples.QUESTION}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather of a city.", "parameters": Weather.model_json_schema(),
    },
}
WEATHER_CHOICE = {"type": "function", "function": {"name": "get_weather"}}


def api(target):
    return openai.OpenAI(base_url=target.base_url, max_retries=0)


def check_weather(call):
    assert call.function.name == "get_weather" and call.id, call
    Weather.model_validate_json(call.function.arguments)


def chat(target):
    answer = api(target).chat.completions.create(model=target.model, messages=QUESTION, temperature=0)
    assert "Paris" in answer.choices[0].message.content, answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer


def stream(target):
    options = {"model": target.model, "messages": QUESTION, "temperature": 0}
    whole = api(target).chat.completions.create(**options).choices[0].message.content
    chunks = list(api(target).chat.completions.create(stream=True, stream_options={"include_usage": True}, **options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage.completion_tokens > 0, chunks[-1]
    with api(target).chat.completions.stream(**options) as events:
        assert events.get_final_completion().choices[0].message.content == whole


def forced_tool(target):
    messages = [{"role": "user", "content": "How is the weather in Oslo?"}]
    options = {"model": target.model, "tools": [WEATHER], "tool_choice": WEATHER_CHOICE, "temperature": 0}
    answer = api(target).chat.completions.create(messages=messages, **options)
    call = answer.choices[0].message.tool_calls[0]
    check_weather(call)
    # The same as a stream, put together by the client.
    with api(target).chat.completions.stream(messages=messages, **options) as events:
        streamed = events.get_final_completion().choices[0].message.tool_calls[0]
    assert (streamed.function.name, streamed.function.arguments) == (call.function.name, call.function.arguments)
    # The conversation goes on with the function's result.
    messages += [
        answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": '{"weather": "sunny"}'}]
    last = api(target).chat.completions.create(
        messages=messages, **{**options, "tool_choice": "none"}, max_completion_tokens=24)
    assert last.choices[0].message.content and not last.choices[0].message.tool_calls, last


def required_tool(target):
    answer = api(target).chat.completions.create(
        model=target.model, messages=QUESTION, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False,
        temperature=0)
    check_weather(answer.choices[0].message.tool_calls[0])
    assert answer.choices[0].finish_reason == "tool_calls", answer


def schema(target):
    answer = api(target).chat.completions.parse(
        model=target.model, messages=QUESTION, response_format=City, temperature=0)
    assert isinstance(answer.choices[0].message.parsed, City), answer
    with api(target).chat.completions.stream(
        model=target.model, messages=QUESTION, response_format=City, temperature=0
    ) as events:
        assert events.get_final_completion().choices[0].message.parsed == answer.choices[0].message.parsed


def log_probabilities(target):
    answer = api(target).chat.completions.create(
        model=target.model, messages=QUESTION, temperature=0, logprobs=True, top_logprobs=3, max_completion_tokens=8)
    tokens = answer.choices[0].logprobs.content
    assert 3 < len(tokens) == answer.usage.completion_tokens <= 8, answer
    assert "".join(token.token for token in tokens) == answer.choices[0].message.content, answer
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == answer.choices[0].message.content, answer
    for token in tokens:
        # A greedy token is the most probable one.
        assert token.logprob <= 0 and len(token.top_logprobs) == 3, token
        assert token.top_logprobs[0].token == token.token and token.top_logprobs[0].logprob == token.logprob, token


def several(target):
    options = {"model": target.model, "messages": QUESTION, "max_completion_tokens": 12}
    greedy = api(target).chat.completions.create(n=2, temperature=0, **options)
    assert [choice.index for choice in greedy.choices] == [0, 1], greedy
    assert greedy.choices[0].message.content == greedy.choices[1].message.content, greedy
    sampled = api(target).chat.completions.create(n=3, temperature=1.5, seed=1, **options)
    assert len({choice.message.content for choice in sampled.choices}) > 1, sampled
    texts = ["", ""]
    for chunk in api(target).chat.completions.create(n=2, temperature=0, stream=True, **options):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in greedy.choices], texts


def completions(target):
    options = {"model": target.model, "temperature": 0, "max_tokens": 4}
    prompts = ["The capital of France is", "The capital of Italy is"]
    answer = api(target).completions.create(prompt=prompts, echo=True, logprobs=2, **options)
    assert [choice.index for choice in answer.choices] == [0, 1], answer
    for prompt, choice in zip(prompts, answer.choices):
        assert choice.text.startswith(prompt) and "".join(choice.logprobs.tokens) == choice.text, choice
        assert choice.logprobs.token_logprobs[0] is None and choice.logprobs.token_logprobs[1] < 0, choice
        assert choice.logprobs.text_offset[-1] + len(choice.logprobs.tokens[-1]) == len(choice.text), choice
    assert "Paris" in answer.choices[0].text and "Rome" in answer.choices[1].text, answer


def embeddings(target):
    texts = ["The cat sleeps.", "A cat is asleep.", "Interest rates have risen in the second quarter."]
    answer = api(target).embeddings.create(model=target.model, input=texts)
    plain = api(target).embeddings.create(model=target.model, input=texts, encoding_format="float")
    vectors = [item.embedding for item in answer.data]
    for vector, item in zip(vectors, plain.data):
        assert max(abs(a - b) for a, b in zip(vector, item.embedding)) < 1e-6
        assert abs(sum(a * a for a in vector) - 1) < 1e-3, "it is normalised"

    def likeness(first, second):
        return sum(a * b for a, b in zip(vectors[first], vectors[second]))

    assert likeness(0, 1) > likeness(0, 2), "texts that mean the same are nearer to each other"


def errors(target):
    assert target.model in [model.id for model in api(target).models.list()]
    long = [{"role": "user", "content": "word " * 9000}]
    for expected, code, options in [
        (openai.BadRequestError, "context_length_exceeded", {"messages": long}),
        (openai.NotFoundError, "model_not_found", {"model": "other"}),
    ]:
        try:
            api(target).chat.completions.create(**{"model": target.model, "messages": QUESTION, **options})
        except expected as error:
            assert error.code == code, error
        else:
            raise AssertionError(f"{code} is expected")


client.run(
    chat, stream, forced_tool, required_tool, schema, log_probabilities, several, completions, embeddings, errors)
