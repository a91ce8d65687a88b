"""A server under test: started on a free port, asked, and ended."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, binary, model, *options, port=None, **process):
        """Starts a server; keywords are those of subprocess.Popen."""
        self.port = port or free_port()
        self.model = os.path.basename(os.path.normpath(model))
        if "--log-level" not in options:
            options += ("--log-level", "warning")
        self.process = subprocess.Popen([binary, "--model", model, "--port", str(self.port), *options], **process)
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.get("/health")[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"the server didn't start (exit status {self.process.poll()})")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def request(self, method, path, body=None, content_type="application/json"):
        """Status, headers and the parsed body of one request; a body that is no string is sent as JSON."""
        connection = self.connect()
        try:
            data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": content_type} if data else {})
            response = connection.getresponse()
            return response.status, response.headers, json.loads(response.read())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body):
        return self.request("POST", path, body)

    def open(self, path, body):
        """Sends a request and leaves its answer to be read."""
        connection = self.connect()
        connection.request("POST", path, json.dumps({"model": self.model, **body}), {"Content-Type": "application/json"})
        return connection

    def raw(self, path, body, receive_buffer=None):
        """Sends a request over a plain connection, and returns that and the request."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", self.port))
        data = json.dumps({"model": self.model, **body})
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
        request = f"{head}\r\n\r\n{data}".encode()
        connection.sendall(request)
        return connection, request

    def wait_for(self, running, waiting, seconds=60):
        """Waits until so many requests, or one of several numbers of them, run and wait; false if that doesn't happen in
        time."""
        numbers = [running] if isinstance(running, int) else running
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            _, _, health = self.get("/health")
            if health["running"] in numbers and health["waiting"] == waiting:
                return True
            time.sleep(0.02)
        return False

    def terminate(self, number=signal.SIGTERM):
        """The exit status after a signal, and the seconds until then."""
        start = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        return status, time.monotonic() - start

    def open_files(self):
        """How many files and connections the server has open; 0 where the system doesn't say."""
        folder = f"/proc/{self.process.pid}/fd"
        return len(os.listdir(folder)) if os.path.isdir(folder) else 0

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def events(response):
    """The data of a response's server-sent events; the last is the string [DONE], unless the stream breaks off."""
    for line in response:
        line = line.strip()
        if line.startswith(b"data: "):
            data = line[len(b"data: "):].decode()
            yield data if data == "[DONE]" else json.loads(data)
