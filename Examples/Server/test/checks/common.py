"""What the checks share."""

import json
import os

import openai

from server import events

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
PASSKEY_MODEL = os.path.join(os.path.dirname(__file__), "../../../../Fixtures/passkey-tiny")

# How the server runs that most checks share.
SHARED_OPTIONS = ["--batch", "4", "--queue", "2", "--length", "2100", "--max-tokens", "2000", "--max-body", "100000"]

# Nothing but one token for as long as it is let: a stream that doesn't end by itself.
ENDLESS = {"prompt": "The", "max_tokens": 2000, "temperature": 0, "stream": True, "logit_bias": {"1000": 100}}

# A request that doesn't end.
HALF = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"

shared_checks = []
own_checks = []
slow_checks = set()


def on_shared_server(function):
    """A check that gets a running server of SHARED_OPTIONS, after others and with more to come."""
    shared_checks.append(function)
    return function


def on_own_server(function):
    """A check that starts servers itself. It gets the path of the server's program and that of SmolLM2."""
    own_checks.append(function)
    return function


def not_quick(function):
    """A check that takes seconds of processor time, and whose subject a shorter one touches: --quick leaves it out."""
    slow_checks.add(function)
    return function


def client(server):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=0)


def question(text, **options):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 24, **options}


def streamed(server, path, body):
    """The whole text of a stream."""
    connection = server.open(path, {**body, "stream": True})
    text = ""
    done = False
    for event in events(connection.getresponse()):
        if event == "[DONE]":
            done = True
        else:
            choice = event["choices"][0]
            text += choice["text"] if path == TEXT else choice["delta"].get("content") or ""
    connection.close()
    assert done, "the stream ends with [DONE]"
    return text
