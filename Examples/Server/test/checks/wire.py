"""What goes over a connection, byte by byte: when heads come, what stays open, and what old or odd clients get."""

import http.client
import json
import socket
import time

from checks.common import CHAT, ENDLESS, TEXT, not_quick, on_shared_server, question
from server import events

SMALL = {"prompt": "The sea is", "max_tokens": 3, "temperature": 0}


class Wire:
    """A plain connection, and the answers that come over it."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.model = server.model

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def request(self, method, path, body=None, version="1.1", **headers):
        """The bytes of a request; underscores of headers' names stand for hyphens."""
        data = b"" if body is None else json.dumps({"model": self.model, **body}).encode()
        fields = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), **fields}
        lines = [f"{method} {path} HTTP/{version}"] + [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n", data

    def send(self, *arguments, **headers):
        self.socket.sendall(b"".join(self.request(*arguments, **headers)))

    def head(self):
        """Status and headers of the next answer."""
        status = int(self.file.readline().split()[1])
        return status, http.client.parse_headers(self.file)

    def answer(self, has_body=True):
        """Status, headers and body of the next answer that isn't only a piece of news."""
        status, headers = self.head()
        while status < 200:
            status, headers = self.head()
        if not has_body:
            return status, headers, b""
        if headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
            return status, headers, body
        return status, headers, self.file.read(int(headers["Content-Length"]))

    def is_closed(self):
        return self.file.read() == b""


@on_shared_server
@not_quick
def heads_and_heartbeats(server):
    """A stream that has to wait begins at once, and shows that it is alive."""
    running = [server.open(TEXT, ENDLESS) for _ in range(4)]
    assert server.wait_for(running=4, waiting=0)
    with Wire(server) as wire:
        start = time.monotonic()
        wire.send("POST", TEXT, {**SMALL, "stream": True})
        status, headers = wire.head()
        assert status == 200 and headers["Content-Type"] == "text/event-stream"
        assert time.monotonic() - start < 2, "the head doesn't wait for a place"
        wire.file.readline()
        line = wire.file.readline()
        assert line == b": keep-alive\n", line
        assert time.monotonic() - start > 5, "heartbeats are rare"
        for connection in running:
            connection.close()
        rest = wire.file.readline()
        while b"[DONE]" not in rest:
            line = wire.file.readline()
            assert line, rest
            rest += line
        assert b'"text"' in rest
    assert server.wait_for(running=0, waiting=0)


@on_shared_server
def connections_are_kept(server):
    connection = server.connect()
    connection.connect()
    own = connection.sock
    for stream in [False, True, False]:
        for path, body in [(TEXT, SMALL), (CHAT, question("Hello", max_tokens=3)), (TEXT, {"prompt": 3, "wrong": 1})]:
            data = json.dumps({"model": server.model, **body, "stream": stream})
            connection.request("POST", path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            assert response.getheader("Connection") is None
            assert len(response.read()) > 10
            assert connection.sock is own, "the connection is used again"
    connection.request("POST", TEXT, data, {"Content-Type": "application/json", "Connection": "close"})
    response = connection.getresponse()
    assert response.getheader("Connection") == "close"
    response.read()
    assert connection.sock is None
    connection.close()


@on_shared_server
def pipelining(server):
    """Requests that are sent in one go are answered one after the other, however they are cut."""
    with Wire(server) as wire:
        requests = [
            ("POST", TEXT, SMALL), ("GET", "/health"), ("POST", TEXT, {**SMALL, "stream": True}), ("GET", "/nowhere"),
            ("HEAD", "/v1/models"), ("POST", TEXT, {**SMALL, "wrong": 1}), ("POST", TEXT, SMALL),
        ]
        data = b"".join(b"".join(wire.request(*request)) for request in requests)
        for size in [len(data), 100, 7]:
            for start in range(0, len(data), size):
                wire.socket.sendall(data[start : start + size])
            answers = [wire.answer(has_body=request[0] != "HEAD") for request in requests]
            assert [status for status, _, _ in answers] == [200, 200, 200, 404, 200, 400, 200], answers
            first, last = json.loads(answers[0][2]), json.loads(answers[-1][2])
            assert first["choices"] == last["choices"] and b"[DONE]" in answers[2][2]


@on_shared_server
def pipelining_goes_on(server):
    """Who always has a few requests in flight sends ahead no more than those, however long it goes on."""
    with Wire(server) as wire:
        request = ("POST", "/tokenize", {"prompt": "word " * 1000})
        for _ in range(20):
            wire.send(*request)
        for _ in range(400):
            status, headers, _ = wire.answer()
            assert status == 200 and headers["Connection"] != "close", headers
            wire.send(*request)
        assert all(wire.answer()[0] == 200 for _ in range(20))


@on_shared_server
@not_quick
def pipelining_is_bounded(server):
    """Who sends more and more while its first answer is produced fills no memory, and is cut off in the end."""
    with Wire(server) as wire:
        wire.socket.sendall(b"".join(wire.request("GET", "/health")) * 1000)
        count = 0
        while count < 1000:
            status, headers, _ = wire.answer()
            assert status == 200
            count += 1
            if headers["Connection"] == "close":
                break
        assert 100 <= count < 1000 and wire.is_closed(), count
    before = server.resident_bytes()
    wires = [Wire(server) for _ in range(4)]
    for wire in wires:
        wire.send("POST", TEXT, ENDLESS)
    assert server.wait_for(running=4, waiting=0)
    flood = b"".join(wires[0].request("GET", "/health")) * 1000
    for wire in wires:
        wire.socket.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 2
        while sent < 50_000_000 and time.monotonic() < deadline:
            try:
                sent += wire.socket.send(flood)
            except BlockingIOError:
                time.sleep(0.01)
            except ConnectionError:
                break
        assert sent < 50_000_000, "it isn't all read"
    growth = server.resident_bytes() - before
    assert growth < 300_000_000, f"{growth / 1e6:.0f} MB more"
    for wire in wires:
        wire.__exit__()
    assert server.wait_for(running=0, waiting=0)


@on_shared_server
def continue_is_asked_for(server):
    with Wire(server) as wire:
        head, body = wire.request("POST", TEXT, SMALL, Expect="100-continue")
        for _ in range(2):
            wire.socket.sendall(head)
            assert wire.head()[0] == 100
            wire.socket.sendall(body)
            assert wire.answer()[0] == 200
    # Who is refused isn't asked.
    for headers, expected in [({"Content-Type": "text/plain"}, 415), ({"Content-Length": "100001"}, 400)]:
        with Wire(server) as wire:
            head, _ = wire.request("POST", TEXT, SMALL, Expect="100-continue", **headers)
            wire.socket.sendall(head)
            status, headers = wire.head()
            assert status == expected and headers["Connection"] == "close", (status, headers)
            wire.file.read(int(headers["Content-Length"]))
            assert wire.is_closed()


@on_shared_server
def refused_bodies_are_passed_over(server):
    """An answer that comes before the body was read reaches a client that sends all of it first."""
    for headers, expected in [({"Content-Type": "text/plain"}, 415), ({}, 400)]:
        connection = server.connect()
        headers = {"Content-Type": "application/json", **headers}
        connection.request("POST", TEXT, b" " * 500_000, headers)
        response = connection.getresponse()
        assert response.status == expected, response.status
        response.read()
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200, "the connection goes on"
        connection.close()
    # But not for ever.
    with Wire(server) as wire:
        wire.socket.sendall(wire.request("POST", TEXT, SMALL, Content_Type="text/plain", Content_Length=str(10**12))[0])
        sent = 0
        try:
            while sent < 200_000_000:
                sent += wire.socket.send(b" " * 100_000)
        except ConnectionError:
            pass
        assert sent < 200_000_000


@on_shared_server
def other_methods(server):
    with Wire(server) as wire:
        for path in ["/health", "/v1/models", f"/v1/models/{server.model}", "/metrics"]:
            wire.send("HEAD", path)
            status, headers, _ = wire.answer(has_body=False)
            assert status == 200 and int(headers["Content-Length"]) > 10, (path, status)
        wire.send("HEAD", "/nowhere")
        assert wire.answer(has_body=False)[0] == 404
        wire.send("OPTIONS", TEXT)
        status, headers, _ = wire.answer(has_body=False)
        assert status == 204 and "POST" in headers["Allow"]
        wire.send("GET", "/health")
        assert wire.answer()[0] == 200


@on_shared_server
def old_clients(server):
    """HTTP/1.0 knows no chunks, and an answer without a length ends with its connection."""
    for stream in [False, True]:
        with Wire(server) as wire:
            wire.send("POST", TEXT, {**SMALL, "stream": stream}, "1.0")
            status, headers = wire.head()
            assert status == 200 and headers["Transfer-Encoding"] is None and headers["Connection"] == "close"
            body = wire.file.read()
            assert body.endswith(b"data: [DONE]\n\n") if stream else json.loads(body)["choices"], body


@on_shared_server
@not_quick
def half_closed_clients(server):
    """Who only reads gets its answer."""
    for body in [SMALL, {**SMALL, "stream": True}, {**ENDLESS, "stream": False, "max_tokens": 100}]:
        for version in ["1.1", "1.0"]:
            with Wire(server) as wire:
                wire.send("POST", TEXT, body, version)
                wire.socket.shutdown(socket.SHUT_WR)
                if version == "1.0" and not body.get("stream"):
                    # There is nothing by which the server could find out whether it is still there.
                    assert wire.head()[0] in (200, 499)
                    continue
                status, _, text = wire.answer() if version == "1.1" else (*wire.head(), wire.file.read())
                assert status == 200, status
                assert text.endswith(b"data: [DONE]\n\n") if body.get("stream") else json.loads(text)["choices"], text
                assert wire.is_closed()
    with Wire(server) as wire:
        wire.send("GET", "/health")
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.answer()[0] == 200
    with Wire(server) as wire:
        wire.socket.sendall(wire.request("POST", TEXT, SMALL)[0] + b"{")
        wire.socket.shutdown(socket.SHUT_WR)
        status, _, text = wire.answer()
        assert status == 400 and json.loads(text)["error"]["code"] == "body_incomplete", text
