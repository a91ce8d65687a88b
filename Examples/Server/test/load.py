"""Keeps a server busy with requests of all kinds, and checks every answer, its memory, and how it ends and starts again.

    python load.py --server ../.build/release/Server --model ../../../Fixtures/.cache/SmolLM2-135M-Instruct --seconds 600

Half of the clients are OpenAI's, half are plain HTTP; one request in ten is left before its end. Prints a JSON object. The
exit status is 1 when an answer differs from the one that the same request gets alone, when one is refused, when memory
grows, or when the server doesn't drain or isn't soon back.
"""

import argparse
import asyncio
import collections
import json
import random
import statistics
import subprocess
import sys
import threading
import time

import openai

from server import Server, events
from traffic import CHAT, EMBEDDINGS, KINDS, TEXT, Answer, requests

#: How much more memory the server may have at the end than after a fifth of the time, when what it keeps is filled.
GROWTH = 0.1

#: The most seconds for running answers to end, as --drain says, and for the server to be back beyond loading the model.
DRAIN = 20
BACK = 2


class Load:
    def __init__(self, server, kinds, longest):
        self.server = server
        self.requests = requests(server.model, kinds, longest)
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.tokens = self.left = 0
        self.differences = []
        self.alone = {
            id(request): self.ask(request, stream=False).value for group in self.requests.values() for request in group}

    def ask(self, request, stream, leaves=False):
        """The answer, over a connection of its own; nothing of use if it is left."""
        answer = Answer(request.path)
        body = {**request.body, "stream": True, "stream_options": {"include_usage": True}} if stream else request.body
        connection = self.server.open(request.path, body)
        try:
            if leaves and not stream:
                return answer
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"status {response.status}: {response.read().decode()}")
            if not stream:
                answer.add(json.loads(response.read()))
                return answer
            last = None
            for number, last in enumerate(events(response)):
                if leaves and number == 2:
                    return answer
                if last != "[DONE]":
                    if "error" in last:
                        raise RuntimeError(f"an error in a stream: {last}")
                    answer.add(last)
            if last != "[DONE]":
                raise RuntimeError("a stream broke off")
            return answer
        finally:
            connection.close()

    async def ask_openai(self, api, request, stream, leaves):
        """The same with OpenAI's client, which keeps its connections."""
        answer = Answer(request.path)
        create = {
            CHAT: api.chat.completions.create, TEXT: api.completions.create, EMBEDDINGS: api.embeddings.create,
        }[request.path]
        if not stream:
            task = asyncio.create_task(create(**request.body))
            if leaves:
                await asyncio.sleep(0.1)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                answer.add((await task).model_dump())
            return answer
        async with await create(**request.body, stream=True, stream_options={"include_usage": True}) as chunks:
            number = 0
            async for chunk in chunks:
                if leaves and number == 2:
                    break
                answer.add(chunk.model_dump())
                number += 1
        return answer

    def choose(self, generator):
        """A request, whether it is streamed, and whether it is left."""
        request = generator.choice(self.requests[generator.choice(list(self.requests))])
        return request, request.path != EMBEDDINGS and generator.random() < 0.7, generator.random() < 0.1

    def count(self, request, stream, leaves, answer=None, error=None):
        with self.lock:
            self.counts[request.kind] += 1
            if leaves and error is None:
                self.left += 1
            elif error is not None:
                self.differences.append({"kind": request.kind, "stream": stream, "error": repr(error)})
            elif answer.value != self.alone[id(request)]:
                self.differences.append({
                    "kind": request.kind, "stream": stream, "body": request.body, "alone": self.alone[id(request)],
                    "now": answer.value})
            else:
                self.tokens += answer.token_count

    def work(self, seed, deadline):
        generator = random.Random(seed)
        while time.monotonic() < deadline:
            request, stream, leaves = self.choose(generator)
            try:
                self.count(request, stream, leaves, answer=self.ask(request, stream, leaves))
            except Exception as error:
                self.count(request, stream, leaves, error=error)

    async def work_openai(self, api, seed, deadline):
        generator = random.Random(seed)
        while time.monotonic() < deadline:
            request, stream, leaves = self.choose(generator)
            try:
                self.count(request, stream, leaves, answer=await self.ask_openai(api, request, stream, leaves))
            except Exception as error:
                self.count(request, stream, leaves, error=error)

    async def all_openai(self, seeds, deadline):
        async with openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{self.server.port}/v1", api_key="none", max_retries=0, timeout=600
        ) as api:
            await asyncio.gather(*(self.work_openai(api, seed, deadline) for seed in seeds))

    def start(self, count, deadline):
        """Threads with so many clients, half of each kind."""
        threads = [threading.Thread(target=self.work, args=(seed, deadline)) for seed in range(count // 2)]
        seeds = range(count // 2, count)
        threads.append(threading.Thread(target=lambda: asyncio.run(self.all_openai(seeds, deadline))))
        for thread in threads:
            thread.start()
        return threads


def drain(server):
    """Ends a server with SIGTERM while it streams. What can end within its limit does, the rest gets an error, and nobody
    is let in."""
    body = {"prompt": "The", "temperature": 0, "stream": True, "logit_bias": {"1000": 100}}
    short = [server.open(TEXT, {**body, "max_tokens": 60}) for _ in range(3)]
    endless = server.open(TEXT, {**body, "max_tokens": 100_000})
    responses = [connection.getresponse() for connection in [*short, endless]]
    streams = [events(response) for response in responses]
    for stream in streams:
        next(stream)
    ends = {}

    def read():
        ends["short"] = [list(stream)[-1] for stream in streams[:3]]
        ends["endless"] = list(streams[3])[-1]

    reader = threading.Thread(target=read)
    reader.start()
    refusals = []

    def knock():
        time.sleep(0.5)
        try:
            refusals.append(server.post(TEXT, {"prompt": "The", "max_tokens": 1})[0])
        except OSError:
            refusals.append("no connection")

    knocker = threading.Thread(target=knock)
    knocker.start()
    status, seconds = server.terminate()
    reader.join()
    knocker.join()
    endless_end = ends["endless"]
    return {
        "exitStatus": status, "seconds": round(seconds, 2), "shortStreamsComplete": ends["short"] == ["[DONE]"] * 3,
        "endlessStream": endless_end["error"]["code"] if "error" in endless_end else "complete", "newRequest": refusals[0],
        "isClean": status == 0 and seconds < DRAIN + 3 and ends["short"] == ["[DONE]"] * 3
        and refusals[0] in (503, "no connection"),
    }


def recovery(binary, model, longlm, options, kinds):
    """Kills a busy server, and measures how long another one takes to its first answer."""
    with Server(binary, model, *options) as server:
        load = Load(server, kinds, 100)
        threads = load.start(4, time.monotonic() + 3)
        time.sleep(2)
        server.process.kill()
        server.process.wait()
        for thread in threads:
            thread.join()
    start = time.monotonic()
    with Server(binary, model, *options) as server:
        status = server.post(TEXT, {"prompt": "The", "max_tokens": 1})[0]
        seconds = time.monotonic() - start
    assert status == 200
    if not longlm:
        return {"secondsToFirstAnswer": round(seconds, 2)}
    start = time.monotonic()
    subprocess.run(
        [longlm, "generate", "--model", model, "--prompt", "The", "--max-tokens", "1"], check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    command = time.monotonic() - start
    return {
        "secondsToFirstAnswer": round(seconds, 2), "secondsOfTheCommand": round(command, 2),
        "isInTime": seconds <= command + BACK,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="the model's directory")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--batch", type=int, default=8, help="the server's --batch")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--words", type=int, default=1500, help="words of the longest prompt")
    parser.add_argument(
        "--kinds", default=",".join(KINDS), help=f"kinds of requests, all by default: {','.join(KINDS)}")
    parser.add_argument("--memory-limit", type=int, default=3 << 30, help="the server's --memory-limit")
    parser.add_argument("--longlm", help="the built command, with whose time to load the model the server's is compared")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    for kind in kinds:
        if kind not in KINDS:
            parser.error(f"--kinds has {kind}; it must be of {', '.join(KINDS)}")
    options = [
        "--batch", str(arguments.batch), "--queue", "64", "--length", "4096", "--drain", str(DRAIN),
        "--memory-limit", str(arguments.memory_limit)]
    with Server(arguments.server, arguments.model, *options) as server:
        load = Load(server, kinds, arguments.words)
        threads = load.start(arguments.clients, time.monotonic() + arguments.seconds)
        samples = []
        while any(thread.is_alive() for thread in threads) and server.process.poll() is None:
            samples.append(server.resident_bytes())
            time.sleep(0.5)
        for thread in threads:
            thread.join()
        is_idle = server.wait_for(running=0, waiting=0)
        end = drain(server)

    def resident(share):
        """The median of a tenth of the samples, up to this share of the time."""
        end = max(1, round(len(samples) * share))
        return statistics.median_high(samples[max(0, end - max(1, len(samples) // 10)) : end])

    growth = resident(1) / resident(0.2) - 1
    back = recovery(arguments.server, arguments.model, arguments.longlm, options, kinds)
    print(json.dumps({
        "clients": arguments.clients, "seconds": arguments.seconds, "requests": dict(load.counts), "left": load.left,
        "tokens": load.tokens, "differences": len(load.differences),
        "residentBytes": {f"{tenth}0%": resident(tenth / 10) for tenth in range(1, 11)},
        "growth": round(growth, 4), "idleAtTheEnd": is_idle, "drain": end, "recovery": back,
    }, indent=2))
    for difference in load.differences[:5]:
        print(json.dumps(difference, default=repr), file=sys.stderr)
    is_good = not load.differences and is_idle and growth <= GROWTH and end["isClean"] and back.get("isInTime", True)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
