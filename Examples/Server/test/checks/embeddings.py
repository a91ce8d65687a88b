"""Vectors of texts."""

import base64
import math
import struct

from checks.common import TEXT, client, on_shared_server

TEXTS = ["The cat sleeps on the sofa.", "A cat is sleeping on a couch.", "Interest rates rose in the second quarter."]


def product(one, other):
    return sum(a * b for a, b in zip(one, other))


@on_shared_server
def embeddings(server):
    api = client(server)
    answer = api.embeddings.create(model=server.model, input=TEXTS)
    assert [item.index for item in answer.data] == [0, 1, 2], answer.data
    vectors = [item.embedding for item in answer.data]
    assert {len(vector) for vector in vectors} == {576}, "the model's size"
    assert all(abs(math.sqrt(product(vector, vector)) - 1) < 1e-4 for vector in vectors)
    assert product(vectors[0], vectors[1]) > product(vectors[0], vectors[2])
    lists = [server.post("/tokenize", {"prompt": text})[2]["tokens"] for text in TEXTS]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == sum(map(len, lists)), answer.usage
    # The client asks for bytes, which are the same numbers.
    numbers = api.embeddings.create(model=server.model, input=TEXTS, encoding_format="float", dimensions=576)
    assert [item.embedding for item in numbers.data] == vectors
    raw = server.post("/v1/embeddings", {"input": TEXTS[0], "encoding_format": "base64"})[2]["data"][0]["embedding"]
    assert list(struct.unpack("<576f", base64.b64decode(raw))) == vectors[0]
    # Alone, and as tokens.
    for given, expected in [(TEXTS[1], vectors[1:2]), (lists[1], vectors[1:2]), (lists, vectors)]:
        alone = api.embeddings.create(model=server.model, input=given)
        assert [item.embedding for item in alone.data] == expected, given
    cases = [
        ({}, "input"), ({"input": ""}, "input"), ({"input": []}, "input"), ({"input": ["a", 1]}, "input[1]"),
        ({"input": "a", "dimensions": 8}, "dimensions"), ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "word " * 3000}, "input"), ({"input": "a", "pooling": "max"}, "pooling"),
    ]
    for body, param in cases:
        status, _, error = server.post("/v1/embeddings", body)
        assert status == 400 and error["error"]["param"] == param, (body, error)
    # What reads hidden states leaves the server as it was.
    assert server.post(TEXT, {"prompt": "Hello", "max_tokens": 1})[0] == 200


@on_shared_server
def tokens(server):
    text = "Hello, wörld <|im_end|> 🦊"
    status, _, answer = server.post("/tokenize", {"prompt": text})
    assert status == 200 and answer["count"] == len(answer["tokens"]) and answer["max_model_len"] == 2100, answer
    assert server.post("/detokenize", {"tokens": answer["tokens"]})[2]["prompt"] == text
    assert server.post("/detokenize", {"tokens": []})[2]["content"] == ""
    spelled = server.post("/tokenize", {"prompt": text, "return_token_strs": True})[2]["token_strs"]
    assert len(spelled) == answer["count"] and "<|im_end|>" in spelled, spelled
    # As llama.cpp has it.
    assert server.post("/tokenize", {"content": text, "add_special": True})[2]["tokens"] == answer["tokens"]
    unparsed = server.post("/tokenize", {"content": text, "parse_special": False})[2]
    assert unparsed["count"] > answer["count"], unparsed
    # A chat has the tokens that its request has.
    messages = [{"role": "user", "content": text}]
    chat = server.post("/tokenize", {"messages": messages})[2]
    usage = server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 1})[2]["usage"]
    assert chat["count"] == usage["prompt_tokens"], (chat, usage)
    for path, body, param in [
        ("/tokenize", {}, "messages"), ("/tokenize", {"prompt": 1}, "prompt"), ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": [-1]}, "tokens"), ("/detokenize", {"tokens": [10**9]}, "tokens"),
        ("/detokenize", {"tokens": ["a"]}, "tokens"), ("/tokenize", {"prompt": "a", "model": "other"}, "model"),
    ]:
        status, _, error = server.post(path, body)
        assert status in (400, 404) and error["error"]["param"] == param, (path, body, error)
