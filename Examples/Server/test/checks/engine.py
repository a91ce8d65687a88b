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
    CHAT, ENDLESS, PASSKEY_MODEL, TEXT, client, not_quick, on_own_server, on_shared_server, question, streamed)
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
    """Requests wait until there is memory for them; only what never fits is refused."""
    options = ["--self-extend", "100:50", "--length", "16384", "--max-tokens", "16000", "--memory-limit", "60000000"]
    with Server(binary, PASSKEY_MODEL, *options) as server:
        def endless(count):
            return {"prompt": "the", "max_tokens": count, "temperature": 0, "stream": True, "logit_bias": {"10": 100}}

        # Its 9,000 tokens take most of the memory, and leave room for a small one.
        connection = server.open(TEXT, endless(9000))
        response = connection.getresponse()
        assert response.status == 200
        small = {"model": server.model, "prompt": "the pass key", "max_tokens": 8, "temperature": 0}
        assert server.post(TEXT, small)[0] == 200
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            # It asks for memory for 8,000 tokens, and soon ends.
            large = pool.submit(server.post, TEXT, {**small, "max_tokens": 8000, "stop": ["a", "e", "o", " "]})
            assert server.wait_for(running=1, waiting=1)
            # First come, first served.
            behind = pool.submit(server.post, TEXT, small)
            assert server.wait_for(running=1, waiting=2)
            response.close()
            connection.close()
            assert behind.result()[0] == large.result()[0] == 200, (behind.result(), large.result())
        assert server.wait_for(running=0, waiting=0)
        for stream in [False, True]:
            status, headers, body = server.post(TEXT, {**small, "max_tokens": 16000, "stream": stream})
            assert status == 503 and body["error"]["code"] == "out_of_memory", body
            for name in ["--memory-limit", "--length", "max_tokens", " MB"]:
                assert name in body["error"]["message"], body
            assert "Retry-After" not in headers, "it will never fit"
        assert server.wait_for(running=0, waiting=0)
        assert server.post(TEXT, small)[0] == 200


@on_own_server
@not_quick
def conversations_are_found_again(binary, model):
    """Six users in turn, more than run at once."""
    with Server(binary, model, "--batch", "2", "--length", "2048") as server:
        def ask(messages):
            status, _, body = server.post(
                CHAT, {"model": server.model, "messages": messages, "temperature": 0, "max_tokens": 16})
            assert status == 200, body
            return body["choices"][0]["message"]["content"], body["usage"]

        chats = [[{"role": "user", "content": f"{user} " * 100 + "What was the number?"}] for user in range(6)]
        lengths = []
        for chat in chats:
            content, usage = ask(chat)
            lengths.append(usage["prompt_tokens"])
            chat += [{"role": "assistant", "content": content}, {"role": "user", "content": "Are you sure?"}]
        for chat, length in zip(chats, lengths):
            _, usage = ask(chat)
            assert usage["prompt_tokens_details"]["cached_tokens"] >= length, (usage, length)


@on_own_server
@not_quick
def equal_beginnings_are_read_once(binary, model):
    """Requests that begin alike and come together: one reads, the others wait for it, also when its client goes."""
    with Server(binary, model, "--length", "2048") as server:
        for leaves in [False, True]:
            text = f"{leaves} sea wind river stone light " * 150
            first = server.open(TEXT, {"prompt": text + "0", "max_tokens": 8, "temperature": 0, "stream": True})
            assert server.wait_for(running=1, waiting=0)
            bodies = [
                {"model": server.model, "prompt": text + str(number), "max_tokens": 8, "temperature": 0}
                for number in range(1, 5)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                futures = [pool.submit(server.post, TEXT, body) for body in bodies]
                if leaves:
                    assert server.wait_for(running=5, waiting=0)
                    first.close()
                answers = [future.result() for future in futures]
            cached = [body["usage"]["prompt_tokens_details"]["cached_tokens"] for _, _, body in answers]
            length = answers[0][2]["usage"]["prompt_tokens"]
            # When the first one leaves, the next one reads what is left.
            assert sum(count >= length - 8 for count in cached) >= (3 if leaves else 4), cached
            if not leaves:
                assert list(events(first.getresponse()))[-1] == "[DONE]"
            alone = [server.post(TEXT, body)[2]["choices"][0]["text"] for body in bodies]
            assert alone == [body["choices"][0]["text"] for _, _, body in answers]


@on_own_server
def aliases_and_files(binary, model):
    """A GGUF file, under other names, with all options of the arithmetic."""
    file = next(os.path.join(model, name) for name in os.listdir(model) if name.endswith(".gguf"))
    with Server(binary, file, "--length", "512") as server:
        server.model = os.path.basename(file).removesuffix(".gguf")
        assert server.get("/v1/models")[2]["data"][0]["id"] == server.model
        answer = client(server).chat.completions.create(model=server.model, **question("What is the capital of France?"))
        assert "Paris" in answer.choices[0].message.content
    options = ["--precision", "int8", "--cache", "int8", "--weights", "int8", "--alias", "small", "--alias", "gpt-4", "--alias", "org/a b%"]
    with Server(binary, model, "--length", "512", *options) as server:
        for name in ["small", "gpt-4"]:
            answer = client(server).chat.completions.create(model=name, **question("What is the capital of France?"))
            assert answer.model == "small" and answer.choices[0].message.content, answer
        for path in ["gpt-4", "org/a%20b%25", "org%2Fa%20b%25"]:
            assert server.get(f"/v1/models/{path}")[0] == 200, path
        for path in ["gpt", "org", "org/a", "%FF"]:
            status, _, answer = server.get(f"/v1/models/{path}")
            assert status == 404 and answer["error"]["code"] == "model_not_found", (path, answer)
        assert server.post(CHAT, {"model": os.path.basename(model), **question("Hello")})[0] == 404
