"""How the server starts and ends."""

import json
import signal
import socket
import subprocess
import time

from checks.common import ENDLESS, HALF, PASSKEY_MODEL, SHARED_OPTIONS, TEXT, on_own_server
from server import Server, events, free_port


@on_own_server
def termination(binary, model):
    """Running answers have some time to end, and then end with an error; who waits is refused at once."""
    with Server(binary, model, *SHARED_OPTIONS, "--drain", "2") as server:
        responses = [stream.getresponse() for stream in [server.open(TEXT, ENDLESS) for _ in range(3)]]
        short = server.open(TEXT, {**ENDLESS, "max_tokens": 20})
        responses.append(short.getresponse())
        # Not a stream, which would begin with status 200 while it waits.
        waiting = server.open(TEXT, {**ENDLESS, "stream": False})
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
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        waiting = waiting.getresponse()
        assert waiting.status == 503 and json.loads(waiting.read())["error"]["code"] == "shutting_down"
        assert time.monotonic() - start < 2, "nobody waits in order to be refused"
        status, _, body = server.get("/health")
        assert status == 503 and body["error"]["code"] == "shutting_down", body
        status, _, body = server.post(TEXT, {**ENDLESS, "model": server.model})
        assert status == 503 and body["error"]["code"] == "shutting_down", body
        assert list(iterators.pop())[-1] == "[DONE]", "a short answer ends as it should"
        for iterator in iterators:
            last = list(iterator)[-1]
            assert last["error"]["code"] == "shutting_down", last
        status = server.process.wait(timeout=30)
        seconds = time.monotonic() - start
        assert status == 0, f"exit status {status}"
        assert 2 <= seconds < 12, f"{seconds:.1f} s to end"
        half.close()
        print(f"  ended in {seconds:.2f} s")


@on_own_server
def early_clients(binary, _):
    """Whoever connects while the server starts is answered or gets an error at once, and never waits."""
    for _ in range(10):
        port = free_port()
        process = subprocess.Popen([binary, "--model", PASSKEY_MODEL, "--port", str(port), "--log-level", "warning"])
        deadline = time.monotonic() + 60
        try:
            status = b""
            # Without a pause, to meet each moment of the start.
            while not status:
                assert process.poll() is None and time.monotonic() < deadline, "the server didn't start"
                try:
                    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        status = connection.recv(12)
                except ConnectionError:
                    continue
                assert status == b"HTTP/1.1 200", "a connection that was accepted has no answer"
        finally:
            process.kill()
            process.wait()


@on_own_server
def drained(binary, model):
    """Once all answers have ended, the server ends."""
    with Server(binary, model, *SHARED_OPTIONS) as server:
        iterator = events(server.open(TEXT, {**ENDLESS, "max_tokens": 60}).getresponse())
        next(iterator)
        server.process.send_signal(signal.SIGINT)
        assert list(iterator)[-1] == "[DONE]"
        assert server.process.wait(timeout=10) == 0


@on_own_server
def second_signal(binary, model):
    with Server(binary, model, *SHARED_OPTIONS) as server:
        iterator = events(server.open(TEXT, ENDLESS).getresponse())
        next(iterator)
        server.process.send_signal(signal.SIGTERM)
        while server.get("/health")[0] == 200:
            time.sleep(0.02)
        status, seconds = server.terminate()
        assert status == 0, f"exit status {status}"
        assert seconds < 10, f"{seconds:.1f} s to end"
        last = list(iterator)[-1]
        assert last["error"]["code"] == "shutting_down", last


@on_own_server
def bad_options(binary, model):
    for options, words in [
        (["--model", model, "--batch", "0"], "--batch"), (["--model", model, "--self-extend", "4"], "self-extend"),
        (["--model", model, "--self-extend", "off", "--length", "100000"], "--length"),
        (["--model", PASSKEY_MODEL, "--memory-limit", "1000000"], "memory limit"),
        (["--model", "/nowhere"], "/nowhere"), ([], "--model"), (["--model", model, "--drain", "-1"], "--drain"),
        (["--model", model, "--precision", "float3"], "--precision"), (["--model", model, "--weights", "x"], "--weights"),
        (["--model", model, "--cache", "int3"], "--cache"), (["--model", model, "--adapter", "/nowhere"], "/nowhere"),
        (["--model", model, "--alias", ""], "--alias"),
    ]:
        result = subprocess.run([binary, "--port", "0", *options], capture_output=True, text=True, timeout=60)
        assert result.returncode not in (0, -signal.SIGILL, -signal.SIGTRAP), (options, result)
        assert words in result.stderr, (options, result)


@on_own_server
def taken_address(binary, model):
    """It is found before a model is loaded, even one that isn't there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [binary, "--model", "/nowhere", "--port", port], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1, result
    assert result.stderr == f"Error: The server can't listen at 127.0.0.1:{port}: the address is in use.\n", result
