"""How the server starts and ends."""

import json
import signal
import socket
import subprocess

from checks.common import ENDLESS, HALF, PASSKEY_MODEL, SHARED_OPTIONS, TEXT, on_own_server
from server import Server, events


@on_own_server
def termination(binary, model):
    with Server(binary, model, *SHARED_OPTIONS) as server:
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
        # Its stream may have begun, or not.
        waiting = waiting.getresponse()
        last = json.loads(waiting.read()) if waiting.status == 503 else list(events(waiting))[-1]
        assert last["error"]["code"] == "shutting_down", last
        half.close()
        print(f"  ended in {seconds:.2f} s")


@on_own_server
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
