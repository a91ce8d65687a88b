"""Exercises a built server with OpenAI's client and with plain HTTP. The exit status is 1 when anything fails.

    pip install -r requirements.txt
    python exercise.py --server ../.build/release/Server --model ../../../Fixtures/.cache/SmolLM2-135M-Instruct
"""

import argparse
import concurrent.futures
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import openai

from server import Server, events

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
PASSKEY_MODEL = os.path.join(os.path.dirname(__file__), "../../../Fixtures/passkey-tiny")

# Nothing but one token for as long as it is let: a stream that doesn't end by itself.
ENDLESS = {"prompt": "The", "max_tokens": 2000, "temperature": 0, "stream": True, "logit_bias": {"1000": 100}}

# A request that doesn't end.
HALF = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"

tests = []


def test(function):
    tests.append(function)
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


@test
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


@test
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


@test
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


@test
def sampling(server):
    api = client(server)

    def text(**options):
        body = {"model": server.model, "prompt": "Once upon a time", "max_tokens": 12, **options}
        return api.completions.create(**body).choices[0].text

    assert text(seed=1, top_p=0.9) == text(seed=1, top_p=0.9)
    assert len({text(seed=seed) for seed in range(3)}) > 1, "seeds differ"
    assert len({text() for _ in range(3)}) > 1, "no seed is a random one"
    assert text(temperature=0) == text(temperature=0, seed=7) == text(temperature=1, top_p=0)
    forced = text(temperature=0, logit_bias={"1000": 100}, max_tokens=40)
    assert len(forced) % 40 == 0 and forced == forced[: len(forced) // 40] * 40, forced
    # With penalties a text begins the same, and then repeats itself less.
    plain, frequency, presence = [
        text(temperature=0, max_tokens=60, **penalty)
        for penalty in [{}, {"frequency_penalty": 2}, {"presence_penalty": 2}]
    ]
    assert len({plain, frequency, presence}) == 3
    assert plain.split()[0] == frequency.split()[0] == presence.split()[0]
    assert len(set(frequency.split())) > len(set(plain.split())), (plain, frequency)


@test
def models(server):
    api = client(server)
    assert [model.id for model in api.models.list()] == [server.model]
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


@test
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


@test
def context_length(server):
    long = "word " * 3000
    for path, body in [(CHAT, question(long)), (TEXT, {"prompt": long})]:
        status, _, answer = server.post(path, {"model": server.model, **body})
        assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer
    # A prompt that fits by itself, with an answer that doesn't.
    status, _, answer = server.post(TEXT, {"model": server.model, "prompt": "word " * 2000, "max_tokens": 200})
    assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer


@test
def bad_http(server):
    for body in ["{", "", "[]", '"text"', '{"model": 1e999}', "\xff", "[" * 5000]:
        status, _, answer = server.post(CHAT, body.encode("latin-1") or b" ")
        assert status == 400 and answer["error"]["code"] == "invalid_json", (body, answer)
    status, _, answer = server.post(CHAT, {"model": server.model, **question("x" * 200_000)})
    assert status == 413 and answer["error"]["code"] == "body_too_large", answer
    hello = json.dumps({"model": server.model, "prompt": "Hello", "max_tokens": 1})
    for content_type, expected in [
        ("text/plain", 415), ("", 415), ("application/jsonp", 415), ("Application/JSON; charset=utf-8", 200),
    ]:
        status, _, answer = server.request("POST", TEXT, hello, content_type)
        assert status == expected, (content_type, answer)
        assert status == 200 or answer["error"]["code"] == "unsupported_media_type", answer
    for method, path in [("GET", "/"), ("GET", "/v1"), ("POST", "/v1/embeddings"), ("GET", CHAT), ("DELETE", "/health")]:
        status, _, answer = server.request(method, path)
        assert status == 404 and answer["error"]["code"] == "unknown_url", (path, answer)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        assert b" 400 " in connection.recv(1000)
    assert server.get("/health")[0] == 200


@test
def disconnects(server):
    def gone(body, reads=False, seconds=0):
        """A request whose client goes once it runs: after reading something of its answer, or after a while."""
        connection = server.open(TEXT, body)
        if reads:
            assert next(events(connection.getresponse()))["choices"][0]["text"]
        else:
            assert server.wait_for(running=1, waiting=0)
        time.sleep(seconds)
        connection.close()
        connection.sock = None
        assert server.wait_for(running=0, waiting=0), "a request without a client ends"

    # While streaming, and while a whole answer is awaited.
    whole = {**ENDLESS, "stream": False}
    gone(ENDLESS, reads=True)
    gone(whole)
    # While reading a prompt: who asks again finds what was read of it. Whether that is anything when the server learns
    # that the client has gone depends on the machine, so clients become more patient.
    for tenths in range(20):
        prompt = f"{tenths} " + "word " * 800
        gone({**ENDLESS, "prompt": prompt, "max_tokens": 400}, seconds=tenths / 10)
        answer = client(server).completions.create(model=server.model, prompt=prompt, max_tokens=1)
        if answer.usage.prompt_tokens_details.cached_tokens >= 512:
            break
    else:
        raise AssertionError("no step of a prompt was kept")
    # A connection that is closed for sending is as good as one that is closed, and is told so.
    connection, _ = server.raw(TEXT, whole)
    assert server.wait_for(running=1, waiting=0)
    connection.shutdown(socket.SHUT_WR)
    answer = connection.makefile("rb").read()
    assert b" 400 " in answer and b"connection_closed" in answer, answer
    connection.close()


@test
def resets_behind_another_request(server):
    """Who has sent another request isn't watched any more. What breaks off then must still leave its place."""
    connections = []
    for number in range(4):
        connection, request = server.raw(TEXT, {**ENDLESS, "prompt": f"{number}: " + "word " * 500, "max_tokens": 500})
        connection.sendall(request)
        connections.append(connection)
    assert server.wait_for(running=4, waiting=0)
    time.sleep(0.1)
    for connection in connections:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert server.wait_for(running=0, waiting=0), "nobody is there any more"
    assert server.post(TEXT, {"model": server.model, "prompt": "Hello", "max_tokens": 1})[0] == 200


@test
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


@test
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


@test
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


@test
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


# The last one ends the server.
@test
def termination(server):
    responses = [stream.getresponse() for stream in [server.open(TEXT, ENDLESS) for _ in range(4)]]
    waiting = server.open(TEXT, ENDLESS)
    iterators = [events(response) for response in responses]
    for iterator in iterators:
        next(iterator)
    # Beside them one that is idle, and one that never ends its request.
    idle = server.connect()
    idle.request("GET", "/health")
    idle.getresponse().read()
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(HALF)
    assert server.wait_for(running=4, waiting=1)
    status, seconds = server.terminate()
    assert status == 0, f"exit status {status}"
    assert seconds < 10, f"{seconds:.1f} s to end"
    for iterator in iterators:
        last = list(iterator)[-1]
        assert last["error"]["code"] == "shutting_down", last
    waiting = waiting.getresponse()
    assert waiting.status == 503 and json.loads(waiting.read())["error"]["code"] == "shutting_down"
    half.close()
    print(f"  ended in {seconds:.2f} s")


def self_extend(binary):
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


def memory_limit(binary):
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


def idle_connections_of(server):
    """Connections on which nothing moves: they are closed, and nobody else waits for them for long."""
    endless = {"prompt": "the", "max_tokens": 16000, "temperature": 0, "stream": True, "logit_bias": {"10": 100}}
    small = {"model": server.model, "prompt": "the pass key", "max_tokens": 4}
    assert server.post(TEXT, small)[0] == 200
    files = server.open_files()
    # A client that doesn't read. The other place isn't held up by it.
    deaf, _ = server.raw(TEXT, endless, receive_buffer=4096)
    assert server.wait_for(running=1, waiting=0)
    count = 0
    deadline = time.monotonic() + 300
    while not server.wait_for(running=0, waiting=0, seconds=0.1):
        assert server.post(TEXT, small)[0] == 200
        count += 1
        assert time.monotonic() < deadline, "a client that doesn't read loses its place"
    text = b""
    try:
        text = deaf.makefile("rb").read()
    except ConnectionResetError:
        pass
    assert b"[DONE]" not in text, f"an answer of {len(text)} bytes is too short for this"
    print(f"  {count} answers beside a client that doesn't read")
    # One that waits for its answer isn't idle.
    running = [server.raw(TEXT, {**endless, "stream": False})[0] for _ in range(2)]
    assert server.wait_for(running=2, waiting=0)
    waiting = server.open(TEXT, small)
    time.sleep(3)
    assert server.wait_for(running=2, waiting=1)
    for each in running:
        each.close()
    assert waiting.getresponse().status == 200
    waiting.close()
    # One that leaves the connection open after its answer, behind which it has sent another request.
    connection, request = server.raw(TEXT, {**small, "max_tokens": 1000, "logit_bias": {"10": 100}})
    connection.sendall(request)
    assert b"cmpl-" in connection.makefile("rb").read()
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    silent[0].sendall(HALF)
    time.sleep(0.5)
    assert server.open_files() - files < 80, "connections are limited"
    assert server.get("/health")[0] == 200, "and those that wait come in"
    silent[0].makefile("rb").read()
    # A file or two may be the system's own.
    deadline = time.monotonic() + 60
    while server.open_files() > files + 2:
        assert time.monotonic() < deadline, f"{server.open_files() - files} connections stay open"
        time.sleep(0.1)
    for each in [deaf, connection, *silent]:
        each.close()
    # Requests of any length that the conversation can have are read.
    for size, expected in [(320_000, 400), (330_000, 413)]:
        assert server.post(TEXT, {**small, "prompt": "x" * size})[0] == expected


def idle_connections(binary):
    options = ["--self-extend", "100:50", "--length", "16384", "--max-tokens", "16000", "--batch", "2", "--queue", "1"]
    # On one thread, so that the longest answers take much longer than the timeout.
    options += ["--threads", "1"]
    with tempfile.TemporaryDirectory() as folder:
        # A long name makes each piece of an answer longer, and so fills what the system keeps of an answer sooner.
        name = os.path.join(folder, "x" * 200)
        os.symlink(os.path.abspath(PASSKEY_MODEL), name)
        with Server(binary, name, *options, "--idle-timeout", "2") as server:
            idle_connections_of(server)


def unknown_token(binary):
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


def bad_options(binary, model):
    for options, words in [
        (["--model", model, "--batch", "0"], "--batch"), (["--model", model, "--self-extend", "4"], "self-extend"),
        (["--model", model, "--self-extend", "off", "--length", "100000"], "--length"),
        (["--model", PASSKEY_MODEL, "--memory-limit", "1000000"], "memory limit"),
        (["--model", "/nowhere"], "/nowhere"), ([], "--model"),
    ]:
        result = subprocess.run([binary, *options], capture_output=True, text=True, timeout=60)
        assert result.returncode not in (0, -signal.SIGILL, -signal.SIGTRAP), (options, result)
        assert words in result.stderr, (options, result)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="a directory of SmolLM2-135M-Instruct")
    arguments = parser.parse_args()
    options = ["--batch", "4", "--queue", "2", "--length", "2100", "--max-tokens", "2000", "--max-body", "100000"]
    passed = failed = 0
    with Server(arguments.server, arguments.model, *options) as server:
        cases = [(function.__name__, lambda function=function: function(server)) for function in tests]
        cases.append(("self_extend", lambda: self_extend(arguments.server)))
        cases.append(("memory_limit", lambda: memory_limit(arguments.server)))
        cases.append(("idle_connections", lambda: idle_connections(arguments.server)))
        cases.append(("unknown_token", lambda: unknown_token(arguments.server)))
        cases.append(("bad_options", lambda: bad_options(arguments.server, arguments.model)))
        for name, case in cases:
            start = time.monotonic()
            try:
                case()
                passed += 1
                print(f"passed {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
