"""Chats and completions, as OpenAI's client asks for them."""

import openai

from checks.common import TEXT, client, not_quick, on_shared_server, question, streamed


@on_shared_server
def chat(server):
    api = client(server)
    answer = api.chat.completions.create(model=server.model, **question("What is the capital of France?"))
    message = answer.choices[0].message
    assert message.role == "assistant" and "Paris" in message.content, message
    assert answer.choices[0].finish_reason in ("stop", "length"), answer
    assert answer.usage.prompt_tokens > 10 and 0 < answer.usage.completion_tokens <= 24, answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage
    # A question in parts is the same question.
    parts = [{"type": "text", "text": "What is the capital"}, {"type": "text", "text": " of France?"}]
    again = api.chat.completions.create(model=server.model, **question(parts))
    assert again.choices[0].message.content == message.content
    assert again.usage.prompt_tokens == answer.usage.prompt_tokens
    assert again.usage.prompt_tokens_details.cached_tokens > 0, "the prompt was kept"
    # A conversation goes on.
    turns = [
        {"role": "system", "content": "You answer briefly."}, {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."}, {"role": "user", "content": "And of Italy?"},
    ]
    last = api.chat.completions.create(model=server.model, messages=turns, temperature=0, max_completion_tokens=16)
    assert "Rome" in last.choices[0].message.content, last


@on_shared_server
def chat_stream(server):
    api = client(server)
    body = question("Name three colours.")
    whole = api.chat.completions.create(model=server.model, **body)
    chunks = list(api.chat.completions.create(
        model=server.model, stream=True, stream_options={"include_usage": True}, **body))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content, (text, whole)
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert not chunks[-1].choices and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1
    # Without being asked for, there is no usage.
    chunks = list(api.chat.completions.create(model=server.model, stream=True, **body))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@on_shared_server
def completions(server):
    api = client(server)
    body = {"model": server.model, "prompt": "The capital of France is", "temperature": 0, "max_tokens": 12}
    answer = api.completions.create(**body)
    text = answer.choices[0].text
    assert "Paris" in text and answer.choices[0].finish_reason == "length", answer
    assert answer.usage.completion_tokens == 12
    assert "".join(chunk.choices[0].text for chunk in api.completions.create(stream=True, **body)) == text
    assert streamed(server, TEXT, body) == text
    for stop in ["Paris", ["zzz", "Paris"]]:
        stopped = api.completions.create(stop=stop, **body)
        assert stopped.choices[0].text == text[: text.index("Paris")], stopped
        assert stopped.choices[0].finish_reason == "stop"
    assert api.completions.create(**{**body, "max_tokens": None}).usage.completion_tokens == 16
    # The prompt as tokens.
    tokens = server.post("/tokenize", {"prompt": body["prompt"]})[2]["tokens"]
    assert api.completions.create(**{**body, "prompt": tokens}).choices[0].text == text


@on_shared_server
@not_quick
def sampling(server):
    api = client(server)

    def text(**options):
        body = {"model": server.model, "prompt": "Once upon a time", "max_tokens": 12, **options}
        return api.completions.create(**body).choices[0].text

    assert text(seed=1, top_p=0.9) == text(seed=1, top_p=0.9)
    # As a Float, that is 0.
    assert text(top_p=1e-46) == text(top_p=0) == text(temperature=0)
    assert len({text(seed=seed) for seed in range(3)}) > 1, "seeds differ"
    assert len({text() for _ in range(3)}) > 1, "no seed is a random one"
    greedy = text(temperature=0)
    assert greedy == text(temperature=0, seed=7) == text(temperature=1, top_p=0)
    for filters in [{"top_k": 1}, {"min_p": 1}, {"top_k": 2, "min_p": 1}]:
        assert text(temperature=2, extra_body=filters) == greedy, filters
    assert text(temperature=2, seed=1, extra_body={"top_k": 0, "min_p": 0}) == text(temperature=2, seed=1) != greedy
    forced = text(temperature=0, logit_bias={"1000": 100}, max_tokens=40)
    assert len(forced) % 40 == 0 and forced == forced[: len(forced) // 40] * 40, forced
    # With penalties a text begins the same, and then repeats itself less.
    plain, frequency, presence, repetition = [
        text(temperature=0, max_tokens=60, **penalty)
        for penalty in [
            {}, {"frequency_penalty": 2}, {"presence_penalty": 2}, {"extra_body": {"repetition_penalty": 1.5}}]
    ]
    assert len({plain, frequency, presence, repetition}) == 4
    assert len(set(repetition.split())) > len(set(plain.split())), (plain, repetition)
    assert plain.split()[0] == frequency.split()[0] == presence.split()[0]
    assert len(set(frequency.split())) > len(set(plain.split())), (plain, frequency)


@on_shared_server
def models(server):
    api = client(server)
    [model] = api.models.list()
    assert model.id == server.model and model.max_model_len == model.context_length == 2100, model
    assert api.models.retrieve(server.model).id == server.model
    for ask in [
        lambda: api.models.retrieve("other"),
        lambda: api.chat.completions.create(model="other", **question("Hello")),
    ]:
        try:
            ask()
        except openai.NotFoundError as error:
            assert error.code == "model_not_found", error
        else:
            raise AssertionError("an unknown model is not found")
