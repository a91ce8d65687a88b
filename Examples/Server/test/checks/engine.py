"""Requests beside each other: the queue, rounds, memory."""

import concurrent.futures
import json
import os
import random
import signal
import threading
import time

import openai

from checks.common import (
    CHAT, ENDLESS, PASSKEY_MODEL, TEXT, client, on_own_server, on_shared_server, question, streamed)
from server import Server, events


@on_shared_server
def queue(server):
    connections = [server.open(TEXT, ENDLESS) for _ in range(4)]
    assert server.wait_for(running=4, waiting=0)
    connections += [server.open(TEXT, ENDLESS) for _ in range(2)]
    assert server.wait_for(running=4, waiting=2)
    status, headers, body = server.post(CHAT, {"model": server.model, **question("Hello")})
    assert status == 429 and int(headers["Retry-After"]) > 0 and body["error"]["code"] == "queue_full", body
    assert server.post(CHAT, "{")[0] == 429, "nothing is read in order to be refused"
    try:
        client(server).chat.completions.create(model=server.model, **question("Hello"))
    except openai.RateLimitError:
        pass
    else:
        raise AssertionError("a full queue is a rate limit")
    # One that waits leaves the queue when its client goes; one that runs makes room.
    connections.pop().close()
    assert server.wait_for(running=4, waiting=1)
    connections.pop(0).close()
    assert server.wait_for(running=4, waiting=0)
    for connection in connections:
        connection.close()
    assert server.wait_for(running=0, waiting=0)


@on_shared_server
def concurrent_answers_are_equal(server):
    prompts = ["Once upon a time", "The sea is", "def fibonacci(n):", "Water boils when " * 60]
    bodies = [{"prompt": prompt, "temperature": 0, "max_tokens": 32} for prompt in prompts]
    alone = [streamed(server, TEXT, body) for body in bodies]
    assert len(set(alone)) == len(alone)
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        barrier = threading.Barrier(len(bodies))

        def ask(body):
            barrier.wait()
            return streamed(server, TEXT, body)

        together = list(pool.map(ask, bodies))
        assert together == alone, (together, alone)


@on_shared_server
def long_prompts_hold_nobody_up(server):
    """While a long prompt is read, a stream goes on and a short question is answered."""
    api = client(server)
    connection = server.open(TEXT, ENDLESS)
    response = connection.getresponse()
    iterator = events(response)
    next(iterator)
    times = []
    is_over = threading.Event()

    def read():
        for _ in iterator:
            times.append(time.monotonic())
            if is_over.is_set():
                break

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        reader = pool.submit(read)
        start = time.monotonic()
        long = pool.submit(api.completions.create, model=server.model, prompt="long " * 1900, max_tokens=1)
        try:
            assert server.wait_for(running=2, waiting=0)
            api.completions.create(model=server.model, prompt="The capital of France is", max_tokens=1)
            assert not long.done(), "a short question is answered first"
            assert long.result().usage.prompt_tokens >= 1900
            # A round reads 64 tokens of the prompt beside the stream's next one.
            count = sum(start < moment for moment in times)
            assert count >= 20, f"only {count} tokens of the stream while a long prompt was read"
        finally:
            is_over.set()
            reader.result()
            response.close()
            connection.close()
    assert server.wait_for(running=0, waiting=0)


@on_shared_server
def errors_stay_with_their_request(server):
    """Requests that fail and clients that go, beside one that must not notice."""
    body = {"prompt": "Once upon a time", "temperature": 0, "max_tokens": 40}
    alone = streamed(server, TEXT, body)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(streamed, server, TEXT, body)
        while not future.done():
            assert server.post(CHAT, "{")[0] == 400
            connection = server.open(TEXT, ENDLESS)
            time.sleep(0.05)
            connection.close()
            # Until its place is free: a full queue refuses with another status.
            assert server.wait_for(running=range(2), waiting=0)
        assert future.result() == alone
    assert server.wait_for(running=0, waiting=0)


@on_own_server
def self_extend(binary, _):
    """A text of four times the trained context, and the other signal."""
    with open(os.path.join(PASSKEY_MODEL, "passkey.json")) as file:
        task = json.load(file)
    generator = random.Random(3)

    def prompt(key):
        words = "".join(generator.choice(task["filler"]) for _ in range(150))
        middle = words.index(" ", 300) + 1
        return words[:middle] + task["key"].format(key=key) + words[middle:] + task["question"]

    def found(*options):
        with Server(binary, PASSKEY_MODEL, *options) as server:
            count = 0
            for key in [71938, 20465, 99173, 48210]:
                answer = client(server).completions.create(
                    model=server.model, prompt=prompt(key), max_tokens=5, temperature=0)
                assert answer.usage.prompt_tokens > 900
                count += answer.choices[0].text == str(key)
            status, _, body = server.post(CHAT, {"model": server.model, **question("Hello")})
            assert status == 400 and body["error"]["param"] == "model", body
            status, _ = server.terminate(signal.SIGINT)
            assert status == 0, f"exit status {status}"
            return count

    assert found("--self-extend", "auto", "--length", "1400") >= 3
    assert found("--self-extend", "13:52", "--threads", "1") >= 3


@on_own_server
def memory_limit(binary, _):
    """Memory for one conversation: a second one is refused, and a third one finds what the first gave back."""
    options = ["--self-extend", "100:50", "--length", "16384", "--max-tokens", "16000", "--memory-limit", "120000000"]
    with Server(binary, PASSKEY_MODEL, *options) as server:
        endless = {"prompt": "the", "max_tokens": 16000, "temperature": 0, "stream": True, "logit_bias": {"10": 100}}
        connection = server.open(TEXT, endless)
        response = connection.getresponse()
        assert response.status == 200
        for stream in [False, True]:
            status, headers, body = server.post(
                TEXT, {"model": server.model, "prompt": "the pass key", "stream": stream, "temperature": 0})
            assert status == 503 and body["error"]["code"] == "out_of_memory", body
            assert "Retry-After" in headers
        # A refused one may give its place back just after its answer.
        assert server.wait_for(running=1, waiting=0)
        response.close()
        connection.close()
        assert server.wait_for(running=0, waiting=0)
        assert server.post(TEXT, {"model": server.model, "prompt": "the pass key"})[0] == 200
