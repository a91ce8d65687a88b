"""Sends a server thousands of requests that are nearly right, beside a client that behaves.

    python fuzz.py --server ../.build/release/Server --model ../../../Fixtures/.cache/SmolLM2-135M-Instruct --count 20000

Every answer must be whole, with a status of 2xx, or of 4xx with an error in JSON; where HTTP itself is broken, a bare 400 or
the end of the connection will do. Nothing may be answered with 5xx, or not at all. The client that behaves must get what it
gets alone, and open files and memory must return to what they were. Prints a JSON object; the exit status is 1 when anything
is otherwise. The same seed makes the same requests.
"""

import argparse
import collections
import json
import random
import re
import socket
import struct
import sys
import threading
import time

from mutations import GETS, TEXT, Mutator
from server import Server, events

IDLE_SECONDS = 2
PATIENCE = 120


class Wrong(Exception):
    """An answer that mustn't be."""


class Reader:
    """Answers that come over a connection."""

    def __init__(self, connection):
        self.file = connection.makefile("rb")

    def line(self):
        line = self.file.readline(1 << 20)
        if not line.endswith(b"\r\n"):
            raise EOFError(f"ended in {line!r}")
        return line[:-2]

    def answer(self, method="POST", is_broken=False):
        """The status of the next answer, which is checked. EOFError: there is none."""
        first = self.file.readline(1 << 20)
        if not first:
            raise EOFError("closed")
        match = re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [ -~]*\r\n", first)
        if not match:
            raise Wrong(f"no status line: {first!r}")
        status = int(match[1])
        headers = {}
        while line := self.line():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        if status < 200:
            return self.answer(method, is_broken)
        body = self.body(headers, status, method)
        if status >= 500 or status in (301, 302, 304):
            raise Wrong(f"{status}: {body[:500]!r}")
        if method == "HEAD" or status == 204:
            return status
        kind = headers.get("content-type", "")
        if status >= 400:
            if body or not is_broken:
                self.check_error(json.loads(body))
        elif kind == "text/event-stream":
            self.check_stream(body)
        elif kind == "application/json":
            json.loads(body)
        return status

    def body(self, headers, status, method):
        if method == "HEAD" or status == 204:
            return b""
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self.file.read(length)
            if len(body) < length:
                raise EOFError("a body that breaks off")
            return body
        if headers.get("transfer-encoding") != "chunked":
            return self.file.read()
        body = b""
        while size := int(self.line(), 16):
            body += self.file.read(size)
            if self.line():
                raise Wrong("a chunk that doesn't end")
        if self.line():
            raise Wrong("trailers")
        return body

    @staticmethod
    def check_error(answer):
        error = answer["error"]
        if not isinstance(error["message"], str) or set(error) != {"message", "type", "param", "code"}:
            raise Wrong(f"not an error: {answer}")
        if error["type"] == "server_error":
            raise Wrong(f"the server's fault: {answer}")

    @classmethod
    def check_stream(cls, body):
        *parts, end = body.decode().split("\n\n")
        if end:
            raise Wrong(f"a stream that breaks off: {body[-300:]!r}")
        data = [part[len("data: "):] for part in parts if not part.startswith(":")]
        last = data.pop()
        for each in data:
            json.loads(each)
        if last != "[DONE]":
            cls.check_error(json.loads(last))


class Fuzzer:
    def __init__(self, server, numbers, seed):
        self.server = server
        self.seed = seed
        self.numbers = numbers
        self.next = 0
        self.lock = threading.Lock()
        self.statuses = collections.Counter()
        self.failures = []
        # Seconds, number and kind of the slowest.
        self.slowest = []

    def take(self):
        with self.lock:
            self.next += 1
            return self.numbers[self.next - 1] if self.next <= len(self.numbers) else None

    def work(self):
        while (number := self.take()) is not None:
            generator = random.Random(f"{self.seed} {number}")
            kind = generator.choices(*zip(*self.kinds))[0]
            connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)
            start = time.monotonic()
            try:
                outcome = kind(self, connection, generator, Mutator(generator, self.server.model))
            except Exception as error:
                outcome = "failed"
                with self.lock:
                    self.failures.append(
                        {"request": number, "kind": kind.__name__, "error": repr(error), "seconds": round(time.monotonic() - start, 1)})
            finally:
                connection.close()
            with self.lock:
                seconds = round(time.monotonic() - start, 1)
                self.slowest = sorted([*self.slowest, (seconds, number, kind.__name__)], reverse=True)[:5]
                self.statuses[f"{kind.__name__} {outcome}"] += 1

    # Each returns what became of it, and raises an exception if that mustn't be.

    def json(self, connection, generator, mutator):
        """A body that is nearly right."""
        path, data = mutator.mutated()
        connection.sendall(mutator.head(path, len(data)) + data)
        return Reader(connection).answer()

    def get(self, connection, generator, mutator):
        method = generator.choice(["GET", "HEAD", "OPTIONS", "DELETE"])
        path = generator.choice(GETS).replace("NAME", self.server.model)
        connection.sendall(mutator.head(path, 0, method))
        return Reader(connection).answer(method)

    def head(self, connection, generator, mutator):
        """A head that is nearly right. What follows it may be taken for another request."""
        path, data = mutator.body()
        request = mutator.broken_head(path, data)
        return self.broken(connection, request, method="HEAD" if request.startswith(b"HEAD") else "POST")

    def cut(self, connection, generator, mutator):
        """Chunks of all sizes, sent in pieces of all sizes."""
        path, data = mutator.body()
        request = b"".join(mutator.chunked(path, data))
        while request:
            size = generator.choice([1, 10, 1000, 100_000])
            connection.sendall(request[:size])
            request = request[size:]
            if generator.randrange(20) == 0:
                time.sleep(0.005)
        return Reader(connection).answer()

    def chunks(self, connection, generator, mutator):
        """Chunks of which one is wrong."""
        path, data = mutator.body()
        return self.broken(connection, b"".join(mutator.chunked(path, data, is_right=False)))

    def broken(self, connection, request, method="POST"):
        """Answers until the connection ends; after a while the client ends it for sending."""
        try:
            connection.sendall(request)
            reader = Reader(connection)
            status = reader.answer(method, is_broken=True)
            connection.shutdown(socket.SHUT_WR)
            while True:
                status = reader.answer(method, is_broken=True)
        except (EOFError, ConnectionError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            return "ended"

    def pipeline(self, connection, generator, mutator):
        """Several requests in one go."""
        requests = []
        data = b""
        for _ in range(generator.randint(2, 5)):
            if generator.randrange(3) == 0:
                method = generator.choice(["GET", "HEAD", "OPTIONS"])
                data += mutator.head(generator.choice(GETS), 0, method)
            else:
                method = "POST"
                path, body = mutator.body()
                data += mutator.head(path, len(body)) + body if generator.randrange(2) else b"".join(mutator.chunked(path, body))
            requests.append(method)
        connection.sendall(data)
        reader = Reader(connection)
        for method in requests:
            reader.answer(method)
        return "answered"

    def half(self, connection, generator, mutator):
        """A client that only reads after its request."""
        path, data = mutator.body()
        connection.sendall(mutator.head(path, len(data)) + data)
        if generator.randrange(2):
            time.sleep(generator.random() / 50)
        connection.shutdown(socket.SHUT_WR)
        return Reader(connection).answer()

    def short(self, connection, generator, mutator):
        """A request that breaks off, and a client that waits for an answer to it."""
        path, data = mutator.body()
        request = mutator.head(path, len(data)) + data
        connection.sendall(request[: generator.randrange(len(request))])
        connection.shutdown(socket.SHUT_WR)
        try:
            return Reader(connection).answer(is_broken=True)
        except (EOFError, ConnectionError):
            return "ended"

    def stalled(self, connection, generator, mutator):
        """A request that doesn't go on: the connection ends after a while."""
        path, data = mutator.body()
        request = mutator.head(path, len(data)) + data
        connection.sendall(request[: generator.randrange(len(request))])
        start = time.monotonic()
        try:
            Reader(connection).answer(is_broken=True)
        except (EOFError, ConnectionError):
            pass
        if time.monotonic() - start > 10 * IDLE_SECONDS:
            raise Wrong("a connection that is idle stays open")
        return "ended"

    def gone(self, connection, generator, mutator):
        """A client that goes at any time, politely or not."""
        path, data = mutator.body()
        request = mutator.head(path, len(data)) + data
        connection.sendall(request[: generator.choice([len(request), generator.randrange(len(request))])])
        time.sleep(generator.random() / 20)
        if generator.randrange(2):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "gone"

    kinds = [(json, 45), (get, 4), (head, 15), (cut, 8), (chunks, 6), (pipeline, 6), (half, 5), (short, 4), (stalled, 1), (gone, 6)]


def text_of(server):
    """What a client gets that behaves."""
    body = {"prompt": "Once upon a time", "temperature": 0, "max_tokens": 16, "stream": True}
    connection = server.open(TEXT, body)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    found = list(events(response))
    connection.close()
    assert found[-1] == "[DONE]", found[-1]
    return "".join(choice["text"] for event in found[:-1] for choice in event["choices"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="the model's directory")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of requests, to see some of them again")
    arguments = parser.parse_args()
    options = ["--batch", "8", "--queue", "64", "--length", "512", "--max-tokens", "16", "--idle-timeout", str(IDLE_SECONDS), "--keep", "4"]
    with Server(arguments.server, arguments.model, *options, "--log-level", "error") as server:
        fuzzer = Fuzzer(server, arguments.only or range(arguments.count), arguments.seed)
        alone = text_of(server)
        answers = []
        start = time.monotonic()

        def behave():
            while any(worker.is_alive() for worker in workers):
                try:
                    answers.append(text_of(server))
                except Exception as error:
                    answers.append(repr(error))

        def measure():
            return {"files": server.open_files(), "residentBytes": server.resident_bytes()}

        workers = [threading.Thread(target=fuzzer.work) for _ in range(arguments.workers)]
        for worker in workers:
            worker.start()
        good = threading.Thread(target=behave)
        good.start()
        samples = []
        while any(worker.is_alive() for worker in workers):
            time.sleep(1)
            if server.process.poll() is not None:
                break
            samples.append((fuzzer.next, measure()))
        for worker in [*workers, good]:
            worker.join()
        seconds = time.monotonic() - start
        is_up = server.process.poll() is None
        idle = is_up and server.wait_for(running=0, waiting=0)
        if is_up:
            time.sleep(IDLE_SECONDS + 2)
        last = measure() if is_up else None
        status = server.terminate()[0] if is_up else server.process.poll()

    # What is kept and what pools grow to is there after a fifth of the requests.
    fifth = next((sample for count, sample in samples if count > arguments.count / 5), samples[0][1] if samples else None)
    differences = [answer for answer in answers if answer != alone]
    grows = not last or last["residentBytes"] > 1.25 * fifth["residentBytes"] or last["files"] > 40
    print(json.dumps({
        "requests": arguments.count, "seed": arguments.seed, "seconds": round(seconds, 1), "isUp": is_up, "idleAtTheEnd": idle,
        "exitStatus": status, "failures": len(fuzzer.failures), "goodAnswers": len(answers), "differences": len(differences),
        "afterAFifth": fifth, "atTheEnd": last, "slowest": fuzzer.slowest,
        "outcomes": dict(sorted(fuzzer.statuses.items())),
    }, indent=2))
    for failure in fuzzer.failures[:20] + differences[:3]:
        print(json.dumps(failure), file=sys.stderr)
    sys.exit(bool(fuzzer.failures or differences or grows or not idle or status != 0 or not answers))


if __name__ == "__main__":
    main()
