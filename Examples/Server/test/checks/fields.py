"""Fields of requests: what is accepted, and how the rest is refused."""

import json
import os
import shutil
import tempfile

import openai

from checks.common import CHAT, PASSKEY_MODEL, TEXT, client, not_quick, on_own_server, on_shared_server, question
from server import Server


@on_shared_server
def refusals(server):
    chat_body = {"model": server.model, **question("Hello")}
    text_body = {"model": server.model, "prompt": "Hello", "max_tokens": 1}
    cases = [
        (CHAT, "n", 0), (CHAT, "n", 129), (CHAT, "tools", [{"type": "function"}]), (CHAT, "tools", {}),
        (CHAT, "logprobs", 1), (CHAT, "top_logprobs", 2), (CHAT, "response_format", {"type": "xml"}),
        (CHAT, "temperature", 3), (CHAT, "temperature", "hot"), (CHAT, "top_p", -1), (CHAT, "top_k", -2),
        (CHAT, "min_p", 2), (CHAT, "repetition_penalty", 0), (CHAT, "max_tokens", 0), (CHAT, "max_tokens", 1.5),
        (CHAT, "max_completion_tokens", -1), (CHAT, "seed", 1.5), (CHAT, "seed", 2**64 + 2**12),
        (CHAT, "seed", -(2**63) - 2**11), (CHAT, "stop", [1]), (CHAT, "stop", ""), (CHAT, "stop", "x" * 1001),
        (CHAT, "tool_choice", "required"), (CHAT, "tool_choice", {"type": "function", "function": {"name": "f"}}),
        (CHAT, "logit_bias", {"-1": 1}), (CHAT, "logit_bias", {"10000000": 1}), (CHAT, "logit_bias", [1]),
        (CHAT, "frequency_penalty", 3), (CHAT, "presence_penalty", True), (CHAT, "stream", "yes"),
        (CHAT, "messages", []), (CHAT, "messages", "Hello"), (CHAT, "messages", None), (CHAT, "no_such_field", 1),
        (CHAT, "modalities", ["text", "audio"]), (CHAT, "audio", {}), (CHAT, "stream_options", 1), (CHAT, "echo", True),
        (CHAT, "stream_options", {"include_use": True}), (CHAT, "functions", [{"name": "f"}]), (CHAT, "best_of", 2),
        (TEXT, "prompt", None), (TEXT, "prompt", ""), (TEXT, "prompt", ["a", ""]), (TEXT, "prompt", []),
        (TEXT, "prompt", [[]]), (TEXT, "prompt", [1, "a"]), (TEXT, "prompt", [-1]), (TEXT, "prompt", [10**9]),
        (TEXT, "prompt", ["x"] * 2049), (TEXT, "prompt", {"text": "a"}), (TEXT, "logprobs", 21),
        (TEXT, "logprobs", True), (TEXT, "echo", 1), (TEXT, "best_of", 2), (TEXT, "suffix", "x"),
        (TEXT, "messages", []), (TEXT, "max_tokens", 0), (TEXT, "max_tokens", -1), (TEXT, "truncate_prompt_tokens", 0),
        (TEXT, "tools", [{"type": "function", "function": {"name": "f"}}]),
    ]
    for path, field, value in cases:
        status, _, body = server.post(path, {**(chat_body if path == CHAT else text_body), field: value})
        error = body["error"]
        assert status == 400 and error["type"] == "invalid_request_error", (field, value, body)
        assert error["param"].startswith(field), (field, value, body)
        assert field in error["message"], (field, value, body)
    # More than an answer may hold at once.
    for path, body in [
        (CHAT, {"logprobs": True, "top_logprobs": 20, "n": 128, "max_tokens": 2000}),
        (TEXT, {"logprobs": 20, "echo": True, "prompt": "word " * 2000, "n": 128}),
    ]:
        status, _, answer = server.post(path, {**(chat_body if path == CHAT else text_body), **body})
        assert status == 400 and answer["error"]["param"] == "logprobs", answer
    messages = [
        ({"role": "function", "content": "x"}, "messages[0].role"), ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": "x", "name": 1}, "messages[0].name"), ("x", "messages[0]"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": "x", "mood": "good"}, "messages[0].mood"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "x"}}]},
         "messages[0].tool_calls[0].function.arguments"),
    ]
    for message, param in messages:
        status, _, body = server.post(CHAT, {"model": server.model, "messages": [message]})
        assert status == 400 and body["error"]["param"] == param, (message, body)
    try:
        client(server).chat.completions.create(model=server.model, n=0, **question("Hello"))
    except openai.BadRequestError as error:
        assert error.param == "n", error
    else:
        raise AssertionError("n = 0 is refused")


@on_shared_server
def neutral_fields(server):
    """What asks for nothing, or can't change an answer, is no reason to refuse."""
    plain = server.post(CHAT, question("Hello"))[2]["choices"][0]["message"]
    same = [
        {"n": 1, "logprobs": False, "top_logprobs": 0, "stop": None, "tools": None, "tool_choice": "none"},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "functions": [], "function_call": "none"},
        {"user": "x", "safety_identifier": "x", "prompt_cache_key": "x", "metadata": {"a": "b"}, "store": True},
        {"service_tier": "flex", "reasoning_effort": "low", "verbosity": "high", "cache_prompt": True},
        {"cache_control": {"type": "ephemeral"}},
        {"prediction": {"type": "content", "content": "x"}, "modalities": ["text"], "suffix": ""},
        {"stream_options": {"include_usage": True}, "response_format": {"type": "text"}, "echo": False, "best_of": 1},
        {"audio": None, "no_such_field": None, "another": False, "min_tokens": 0.0, "skip_special_tokens": True},
        {"top_k": -1, "min_p": 0, "repetition_penalty": 1, "top_p": 1.0, "max_tokens": 24.0, "logit_bias": {}},
        {"seed": 2**64 - 1}, {"seed": -(2**63)}, {"seed": 2**63}, {"seed": -1},
        {"messages": [{"role": "user", "content": [
            {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}], "name": "Ada"}]},
    ]
    for fields in same:
        status, _, body = server.post(CHAT, {**question("Hello"), **fields})
        assert status == 200 and body["choices"][0]["message"] == plain, (fields, body)
    # What clients send back as the assistant's message.
    messages = [
        {"role": "user", "content": "Hello"}, {"role": "assistant", "content": None},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Hi.", "refusal": None, "annotations": [], "audio": None, "tool_calls": None},
        {"role": "user", "content": "Bye"},
    ]
    status, _, body = server.post(CHAT, {**question(""), "messages": messages})
    assert status == 200, body


@on_shared_server
def strict_json(server):
    deep = '{"prompt": ' + "[" * 100 + "]" * 100 + "}"
    cases = [
        ("{", None), ("[]", None), ("", None), ("null", None), (deep, None), ('{"prompt": "a",}', None),
        ('{"prompt": "a", "prompt": "b"}', "prompt"), ('{"messages": [{"role": "user", "role": "user"}]}', "messages[0].role"),
        ('{"prompt": "a", "seed": 1e999}', None), ('{"prompt": "a", "seed": NaN}', None),
        (b'{"prompt": "\xff"}', None), ('{"prompt": "\\ud800"}', None), ("[" * 50000, None),
        ('{"prompt": "a", "max_tokens": 123456789012345678901234567890}', "max_tokens"),
    ]
    for body, param in cases:
        status, _, answer = server.request("POST", TEXT, body or " ")
        assert status == 400 and answer["error"]["param"] == param, (body[:80], answer)
        assert param or answer["error"]["code"] == "invalid_json", (body[:80], answer)


@on_shared_server
@not_quick
def context_length(server):
    long = "word " * 3000
    for path, body in [(CHAT, question(long)), (TEXT, {"prompt": long}), (TEXT, {"prompt": ["a", long]})]:
        status, _, answer = server.post(path, body)
        assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer
        assert "This model's maximum context length is 2100 tokens. However, " in answer["error"]["message"], answer
    status, _, answer = server.post(CHAT, {**question(long), "max_tokens": 7})
    assert "7 in the completion). Please reduce the length of the messages" in answer["error"]["message"], answer
    # A prompt that fits by itself leaves less room for an answer than was asked for.
    body = {"prompt": "word " * 2070, "temperature": 0, "logit_bias": {"1000": 100}}
    status, _, answer = server.post(TEXT, {**body, "max_tokens": 10**9})
    length = answer["usage"]["prompt_tokens"]
    assert status == 200 and answer["usage"]["completion_tokens"] == 2100 - length, answer["usage"]
    assert answer["choices"][0]["finish_reason"] == "length", answer
    # The end of a prompt that is too long.
    short = server.post(TEXT, {"prompt": long, "truncate_prompt_tokens": 5, "max_tokens": 1})[2]
    assert short["usage"]["prompt_tokens"] == 5, short


@on_own_server
def answer_length(binary, _):
    """Without a limit, an answer may fill the context; a limit of the server's own cuts what is asked for."""
    # A prompt of 3 tokens in a context of 256.
    endless = {"prompt": "the", "temperature": 0, "logit_bias": {"10": 100}}
    for options, limit in [([], 253), (["--max-tokens", "40"], 40)]:
        with Server(binary, PASSKEY_MODEL, *options) as server:
            for wanted, expected in [(300, limit), (30, 30)]:
                choice = server.post(TEXT, {**endless, "max_tokens": wanted})[2]
                assert choice["usage"]["completion_tokens"] == expected, (options, wanted, choice)
                assert choice["choices"][0]["finish_reason"] == "length", choice


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
