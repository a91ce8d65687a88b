"""Fields of requests: what is accepted, and how the rest is refused."""

import json
import os
import shutil
import tempfile

import openai

from checks.common import CHAT, PASSKEY_MODEL, TEXT, client, on_own_server, on_shared_server, question
from server import Server


@on_shared_server
def refusals(server):
    chat_body = {"model": server.model, **question("Hello")}
    text_body = {"model": server.model, "prompt": "Hello", "max_tokens": 1}
    cases = [
        (CHAT, "n", 2), (CHAT, "tools", [{"type": "function"}]), (CHAT, "logprobs", True), (CHAT, "top_logprobs", 2),
        (CHAT, "response_format", {"type": "json_object"}), (CHAT, "temperature", 3), (CHAT, "temperature", "hot"),
        (CHAT, "top_p", -1), (CHAT, "max_tokens", 0), (CHAT, "max_tokens", 1.5), (CHAT, "max_completion_tokens", 10**6),
        (CHAT, "seed", 1.5), (CHAT, "stop", [1]), (CHAT, "stop", ""), (CHAT, "stop", "x" * 1001),
        (CHAT, "tool_choice", "auto"), (CHAT, "logit_bias", {"-1": 1}),
        (CHAT, "logit_bias", {"10000000": 1}), (CHAT, "logit_bias", [1]), (CHAT, "frequency_penalty", 3),
        (CHAT, "presence_penalty", True), (CHAT, "stream", "yes"), (CHAT, "messages", []), (CHAT, "messages", "Hello"),
        (CHAT, "stream_options", {"include_usage": True}), (CHAT, "no_such_field", 1), (CHAT, "model", None),
        (TEXT, "prompt", None), (TEXT, "prompt", ""), (TEXT, "prompt", ["a", "b"]), (TEXT, "prompt", [1, 2]),
        (TEXT, "logprobs", 0), (TEXT, "echo", True), (TEXT, "best_of", 2), (TEXT, "suffix", "x"), (TEXT, "messages", []),
    ]
    for path, field, value in cases:
        status, _, body = server.post(path, {**(chat_body if path == CHAT else text_body), field: value})
        error = body["error"]
        assert status == 400 and error["type"] == "invalid_request_error", (field, value, body)
        assert error["param"].startswith(field), (field, value, body)
        assert field in error["message"], (field, value, body)
    messages = [
        ({"role": "tool", "content": "x"}, "messages[0].role"), ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": "x", "name": "y"}, "messages[0].name"), ("x", "messages[0]"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].type"),
    ]
    for message, param in messages:
        status, _, body = server.post(CHAT, {"model": server.model, "messages": [message]})
        assert status == 400 and body["error"]["param"] == param, (message, body)
    # What asks for nothing is no reason to refuse.
    status, _, _ = server.post(
        CHAT, {
            **chat_body, "n": 1, "logprobs": False, "top_logprobs": 0, "stop": None, "user": "x", "tools": None,
            "tool_choice": "none", "service_tier": "auto", "safety_identifier": "x", "prompt_cache_key": "x",
            "max_tokens": 1.0, "seed": 2**63 - 1})
    assert status == 200
    try:
        client(server).chat.completions.create(model=server.model, n=3, **question("Hello"))
    except openai.BadRequestError as error:
        assert error.param == "n", error
    else:
        raise AssertionError("n > 1 is refused")


@on_shared_server
def context_length(server):
    long = "word " * 3000
    for path, body in [(CHAT, question(long)), (TEXT, {"prompt": long})]:
        status, _, answer = server.post(path, {"model": server.model, **body})
        assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer
    # A prompt that fits by itself, with an answer that doesn't.
    status, _, answer = server.post(TEXT, {"model": server.model, "prompt": "word " * 2000, "max_tokens": 200})
    assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer


@on_own_server
def unknown_token(binary, _):
    """A tokenizer with a token more than the model."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ["config.json", "model.safetensors", "tokenizer.json"]:
            shutil.copy(os.path.join(PASSKEY_MODEL, name), folder)
        path = os.path.join(folder, "tokenizer.json")
        with open(path) as file:
            tokenizer = json.load(file)
        tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": 44, "content": "<|more|>"})
        with open(path, "w") as file:
            json.dump(tokenizer, file)
        with Server(binary, folder) as server:
            body = {"model": server.model, "prompt": "the pass key <|more|>"}
            status, _, answer = server.post(TEXT, body)
            assert status == 400 and answer["error"]["param"] == "prompt", answer
            assert server.post(TEXT, {**body, "prompt": "the pass key"})[0] == 200
