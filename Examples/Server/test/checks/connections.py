"""HTTP, and clients that go, stall or send nonsense."""

import json
import os
import socket
import struct
import tempfile
import time

from checks.common import (
    CHAT, ENDLESS, HALF, PASSKEY_MODEL, TEXT, client, not_quick, on_own_server, on_shared_server, question)
from server import Server, events


@on_shared_server
def bad_http(server):
    for body in ["{", "", "[]", '"text"', '{"model": 1e999}', "\xff", "[" * 5000]:
        status, _, answer = server.post(CHAT, body.encode("latin-1") or b" ")
        assert status == 400 and answer["error"]["code"] == "invalid_json", (body, answer)
    status, _, answer = server.post(CHAT, {"model": server.model, **question("x" * 200_000)})
    assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer
    hello = json.dumps({"model": server.model, "prompt": "Hello", "max_tokens": 1})
    for content_type, expected in [
        ("text/plain", 415), ("", 415), ("application/jsonp", 415), ("Application/JSON; charset=utf-8", 200),
    ]:
        status, _, answer = server.request("POST", TEXT, hello, content_type)
        assert status == expected, (content_type, answer)
        assert status == 200 or answer["error"]["code"] == "unsupported_media_type", answer
    for method, path in [("GET", "/v1"), ("POST", "/v1/audio/speech"), ("GET", CHAT), ("DELETE", "/health")]:
        status, _, answer = server.request(method, path)
        assert status == 404 and answer["error"]["code"] == "unknown_url", (path, answer)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        assert b" 400 " in connection.recv(1000)
    assert server.get("/health")[0] == 200


@on_shared_server
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
    # Closed for sending first, and then for good.
    for stream in [False, True]:
        connection, _ = server.raw(TEXT, {**ENDLESS, "stream": stream})
        assert server.wait_for(running=1, waiting=0)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.3)
        assert server.wait_for(running=1, waiting=0), "who doesn't send may still read"
        connection.close()
        assert server.wait_for(running=0, waiting=0, seconds=5), "who doesn't read either has gone"


@on_shared_server
def clients_that_go_behind_another_request(server):
    """Another request behind one that runs doesn't hide that its client goes."""
    connections = []
    for number in range(4):
        connection, request = server.raw(TEXT, {**ENDLESS, "prompt": f"{number}: " + "word " * 500, "max_tokens": 500})
        connection.sendall(request)
        connections.append(connection)
    assert server.wait_for(running=4, waiting=0)
    time.sleep(0.1)
    for number, connection in enumerate(connections):
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert server.wait_for(running=0, waiting=0), "nobody is there any more"
    assert server.post(TEXT, {"model": server.model, "prompt": "Hello", "max_tokens": 1})[0] == 200


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
    assert connection.makefile("rb").read().count(b"cmpl-") == 2
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
    for size, words in [(320_000, "tokens"), (330_000, "bytes")]:
        status, _, answer = server.post(TEXT, {**small, "prompt": "x" * size})
        assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer
        assert words in answer["error"]["message"], answer


@on_own_server
@not_quick
def idle_connections(binary, _):
    options = ["--self-extend", "100:50", "--length", "16384", "--max-tokens", "16000", "--batch", "2", "--queue", "1"]
    # On one thread, so that the longest answers take much longer than the timeout.
    options += ["--threads", "1"]
    with tempfile.TemporaryDirectory() as folder:
        # A long name makes each piece of an answer longer, and so fills what the system keeps of an answer sooner.
        name = os.path.join(folder, "x" * 200)
        os.symlink(os.path.abspath(PASSKEY_MODEL), name)
        with Server(binary, name, *options, "--idle-timeout", "2") as server:
            idle_connections_of(server)
