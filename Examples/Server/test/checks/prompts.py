"""Completions of several prompts, several texts of one prompt, echoes and log probabilities."""

import math

from checks.common import CHAT, TEXT, client, not_quick, on_shared_server, question
from server import events

PROMPTS = ["The capital of France is", "Once upon a time", "def add(a, b):"]


def tokens(server, text):
    return server.post("/tokenize", {"prompt": text})[2]["tokens"]


def texts(server, **body):
    status, _, answer = server.post(TEXT, {"temperature": 0, "max_tokens": 8, **body})
    assert status == 200, answer
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(answer["choices"]))), answer
    return [choice["text"] for choice in answer["choices"]], answer


@on_shared_server
def several_prompts(server):
    alone = [texts(server, prompt=prompt)[0][0] for prompt in PROMPTS]
    lists = [tokens(server, prompt) for prompt in PROMPTS]
    together, answer = texts(server, prompt=PROMPTS)
    assert together == alone, (together, alone)
    assert answer["usage"]["prompt_tokens"] == sum(map(len, lists)), answer["usage"]
    assert answer["usage"]["completion_tokens"] == 24, answer["usage"]
    assert texts(server, prompt=lists)[0] == alone
    assert texts(server, prompt=lists[0])[0] == alone[:1]
    # Texts are numbered prompt by prompt.
    twice, answer = texts(server, prompt=PROMPTS, n=2)
    assert twice == [text for text in alone for _ in range(2)], twice
    assert answer["usage"]["prompt_tokens"] == sum(map(len, lists)), "a prompt counts once"
    streamed = [""] * 6
    connection = server.open(TEXT, {"prompt": PROMPTS, "n": 2, "temperature": 0, "max_tokens": 8, "stream": True})
    ends = 0
    for event in events(connection.getresponse()):
        if event != "[DONE]":
            [choice] = event["choices"]
            streamed[choice["index"]] += choice["text"]
            ends += choice["finish_reason"] == "length"
    assert streamed == twice and ends == 6, streamed


@on_shared_server
@not_quick
def several_texts(server):
    api = client(server)
    body = {"model": server.model, "messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": 12}
    answer = api.chat.completions.create(n=4, seed=1, **body)
    contents = [choice.message.content for choice in answer.choices]
    assert len(set(contents)) > 1, contents
    assert contents == [choice.message.content for choice in api.chat.completions.create(n=4, seed=1, **body).choices]
    assert contents[0] == api.chat.completions.create(seed=1, **body).choices[0].message.content
    assert answer.usage.completion_tokens == 48, answer.usage
    # More than the server has places, as a stream.
    streamed = [""] * 9
    for chunk in api.chat.completions.create(n=9, seed=1, stream=True, **body):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed[:4] == contents, streamed
    assert all(streamed), streamed
    assert len(api.completions.create(model=server.model, prompt="a", n=2, best_of=2, max_tokens=1).choices) == 2


@on_shared_server
def echo(server):
    prompt = PROMPTS[0]
    [text], _ = texts(server, prompt=prompt)
    for given in [prompt, tokens(server, prompt)]:
        assert texts(server, prompt=given, echo=True)[0] == [prompt + text]
        assert texts(server, prompt=given, echo=True, max_tokens=0)[0] == [prompt]
    connection = server.open(
        TEXT, {"prompt": prompt, "echo": True, "temperature": 0, "max_tokens": 8, "stream": True})
    parts = [event["choices"][0]["text"] for event in events(connection.getresponse()) if event != "[DONE]"]
    assert parts[0] == prompt and "".join(parts) == prompt + text, parts


@on_shared_server
def chat_log_probabilities(server):
    api = client(server)
    body = {"model": server.model, "logprobs": True, "top_logprobs": 3, **question("What is the capital of France?")}
    answer = api.chat.completions.create(**body)
    [choice] = answer.choices
    entries = choice.logprobs.content
    assert len(entries) == answer.usage.completion_tokens, entries
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == choice.message.content
    for entry in entries:
        assert len(entry.top_logprobs) == 3 and entry.logprob <= 0, entry
        # Greedy decoding takes the most probable token.
        assert entry.top_logprobs[0].token == entry.token and entry.top_logprobs[0].logprob == entry.logprob, entry
        assert sorted((other.logprob for other in entry.top_logprobs), reverse=True) == [
            other.logprob for other in entry.top_logprobs]
        assert sum(math.exp(other.logprob) for other in entry.top_logprobs) < 1 + 1e-9, entry
    streamed = []
    for chunk in api.chat.completions.create(stream=True, **body):
        if chunk.choices[0].logprobs:
            streamed += chunk.choices[0].logprobs.content
    assert streamed == entries
    plain = api.chat.completions.create(**{**body, "top_logprobs": None}).choices[0].logprobs.content
    assert [entry.logprob for entry in plain] == [entry.logprob for entry in entries]
    assert not any(entry.top_logprobs for entry in plain)
    # A character in several tokens: the bytes tell it, and the text spells them.
    emoji = api.chat.completions.create(**{
        **body, "messages": [{"role": "user", "content": "x"}], "max_tokens": 8,
        "extra_body": {"guided_regex": "🦊🦊"}})
    pieces = emoji.choices[0].logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in pieces).decode() == emoji.choices[0].message.content == "🦊🦊"
    assert any(entry.token.startswith("bytes:\\x") for entry in pieces), pieces


@on_shared_server
def text_log_probabilities(server):
    prompt = PROMPTS[0]
    ids = tokens(server, prompt)
    [text], answer = texts(server, prompt=prompt, logprobs=2)
    lists = answer["choices"][0]["logprobs"]
    assert "".join(lists["tokens"]) == text
    assert lists["text_offset"] == [len("".join(lists["tokens"][:index])) for index in range(8)], lists
    for token, value, top in zip(lists["tokens"], lists["token_logprobs"], lists["top_logprobs"]):
        assert len(top) == 2 and top[token] == value == max(top.values()), lists
    assert texts(server, prompt=prompt, logprobs=0)[1]["choices"][0]["logprobs"]["top_logprobs"] == [
        {token: value} for token, value in zip(lists["tokens"], lists["token_logprobs"])]
    # With the prompt's own, as evaluations ask for them.
    [whole], answer = texts(server, prompt=[ids], logprobs=2, echo=True)
    assert whole == prompt + text
    all_lists = answer["choices"][0]["logprobs"]
    assert "".join(all_lists["tokens"]) == whole
    assert all_lists["token_logprobs"][0] is None and all_lists["top_logprobs"][0] is None
    assert all_lists["tokens"][len(ids):] == lists["tokens"]
    for one, other in zip(all_lists["token_logprobs"][len(ids):], lists["token_logprobs"]):
        assert abs(one - other) < 1e-9, all_lists
    assert all_lists["text_offset"][len(ids)] == len(prompt), all_lists
    # A prompt's token has the probability that the model gives it after the tokens before.
    for index in range(1, len(ids)):
        _, answer = texts(server, prompt=ids[:index], logprobs=20, max_tokens=1)
        top = answer["choices"][0]["logprobs"]["top_logprobs"][0]
        token, value = all_lists["tokens"][index], all_lists["token_logprobs"][index]
        assert abs(top[token] - value) < 1e-6 if token in top else value <= min(top.values()) + 1e-6, (token, value, top)
    # A score alone, and batches.
    [alone], answer = texts(server, prompt=ids, logprobs=2, echo=True, max_tokens=0)
    assert alone == prompt and answer["usage"]["completion_tokens"] == 0, answer
    scored = answer["choices"][0]["logprobs"]
    assert scored == {key: values[: len(ids)] for key, values in all_lists.items()}, (scored, all_lists)
    batch = texts(server, prompt=[tokens(server, text) for text in PROMPTS], logprobs=1, echo=True, max_tokens=1)[1]
    assert [len(choice["logprobs"]["tokens"]) for choice in batch["choices"]] == [
        len(tokens(server, text)) + 1 for text in PROMPTS]
    connection = server.open(
        TEXT, {"prompt": ids, "logprobs": 2, "echo": True, "temperature": 0, "max_tokens": 8, "stream": True})
    streamed = {key: [] for key in all_lists}
    for event in events(connection.getresponse()):
        if event != "[DONE]" and event["choices"][0]["logprobs"]:
            for key, values in event["choices"][0]["logprobs"].items():
                streamed[key] += values
    assert streamed == all_lists, streamed


@on_shared_server
def offsets_of_control_tokens(server):
    """An echo has the names of a prompt's control tokens, and offsets count them."""
    prompt = "<|im_start|>user\nHi there<|im_end|>\n"
    # Numbers are the same with and without a point.
    ids = [float(token) for token in tokens(server, prompt)]
    bias = {str(tokens(server, " sea")[0]): 100}
    for given in [prompt, ids, [ids]]:
        [text], answer = texts(server, prompt=given, echo=True, logprobs=1.0, max_tokens=3, logit_bias=bias)
        assert text.startswith(prompt), text
        lists = answer["choices"][0]["logprobs"]
        assert lists["text_offset"] == [len("".join(lists["tokens"][:index])) for index in range(len(ids) + 3)], lists
        assert all(text[offset:].startswith(token) for offset, token in zip(lists["text_offset"], lists["tokens"]))


@on_shared_server
def answer_that_ends_at_once(server):
    """lm-eval leaves out the last entry of an echo as the model's own token, even if that token only ends the text."""
    [end] = server.post("/tokenize", {"prompt": "<|im_end|>"})[2]["tokens"]
    prompt = "The capital of France is"
    body = {"prompt": prompt, "echo": True, "logprobs": 1, "max_tokens": 1, "logit_bias": {str(end): 100}}
    [text], answer = texts(server, **body)
    lists = answer["choices"][0]["logprobs"]
    assert text == prompt and answer["choices"][0]["finish_reason"] == "stop", answer
    assert len(lists["tokens"]) == len(tokens(server, prompt)) + 1, lists
    assert all(len(values) == len(lists["tokens"]) for values in lists.values()), lists
    assert None not in lists["token_logprobs"][1:-1], lists
