"""Keeps a server busy, and checks every answer and its memory.

    python load.py --server ../.build/release/Server --model DIR --streams 8 --seconds 600

Prints a JSON object. The exit status is 1 when an answer differs from the one that the same request gets alone, when
memory grows, or when the server doesn't end as it should.
"""

import argparse
import json
import random
import statistics
import sys
import threading
import time

from server import Server, events

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"


def requests(server, longest):
    """Requests of many lengths, some of which begin alike; chats, too, if the model can chat."""
    hello = {"model": server.model, "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}
    chats = server.post(CHAT, hello)[0] == 200
    generator = random.Random(1)
    words = "sea wind river stone light old small bright road house tree snow ship bird song fire door glass".split()
    result = []
    for index in range(24):
        text = " ".join(generator.choice(words) for _ in range(generator.choice([5, 20, 60, longest // 3, longest])))
        body = {"model": server.model, "temperature": 0, "max_tokens": generator.randint(8, 48)}
        if chats and index % 2:
            messages = [{"role": "user", "content": f"Write a sentence with these words: {text}"}]
            result.append((CHAT, {**body, "messages": messages}))
        else:
            result.append((TEXT, {**body, "prompt": text if index % 4 else f"Once upon a time there was {text}"}))
    return result


class Load:
    def __init__(self, server, longest):
        self.server = server
        self.requests = requests(server, longest)
        self.lock = threading.Lock()
        self.count = self.tokens = self.left = 0
        self.differences = []
        self.alone = [self.ask(path, body) for path, body in self.requests]

    def ask(self, path, body, stream=True, leave_after=None):
        """The text and the number of tokens of an answer; nothing if it is left."""
        if not stream:
            status, _, answer = self.server.post(path, body)
            assert status == 200, answer
            choice = answer["choices"][0]
            return choice["text"] if path == TEXT else choice["message"]["content"], answer["usage"]["completion_tokens"]
        connection = self.server.open(path, {**body, "stream": True, "stream_options": {"include_usage": True}})
        text = ""
        tokens = None
        last = None
        response = connection.getresponse()
        assert response.status == 200, response.read()
        for number, last in enumerate(events(response)):
            if number == leave_after:
                break
            if last == "[DONE]":
                continue
            if last["usage"]:
                tokens = last["usage"]["completion_tokens"]
            for choice in last["choices"]:
                text += choice["text"] if path == TEXT else choice["delta"].get("content") or ""
        connection.close()
        if leave_after is None:
            assert last == "[DONE]", last
        return text, tokens

    def work(self, seed, deadline):
        generator = random.Random(seed)
        while time.monotonic() < deadline:
            index = generator.randrange(len(self.requests))
            path, body = self.requests[index]
            leaves = generator.random() < 0.1
            try:
                answer = self.ask(
                    path, body, stream=leaves or generator.random() < 0.8, leave_after=2 if leaves else None)
            except Exception as error:
                answer = (repr(error), None)
                leaves = False
            with self.lock:
                self.count += 1
                if leaves:
                    self.left += 1
                elif answer != self.alone[index]:
                    self.differences.append({"request": index, "alone": self.alone[index], "now": answer})
                else:
                    self.tokens += answer[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="the model's directory")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--words", type=int, default=600, help="words of the longest prompt")
    arguments = parser.parse_args()
    options = ["--batch", str(arguments.streams), "--length", "2048", "--max-tokens", "1900"]
    with Server(arguments.server, arguments.model, *options) as server:
        load = Load(server, arguments.words)
        start = time.monotonic()
        deadline = start + arguments.seconds
        workers = [threading.Thread(target=load.work, args=(seed, deadline)) for seed in range(arguments.streams)]
        for worker in workers:
            worker.start()
        samples = []
        while time.monotonic() < deadline:
            time.sleep(0.5)
            samples.append(server.resident_bytes())
        for worker in workers:
            worker.join()
        idle = server.wait_for(running=0, waiting=0)

        endless = {"prompt": "The", "max_tokens": 1900, "temperature": 0, "stream": True, "logit_bias": {"40": 100}}
        streams = [server.open(TEXT, endless) for _ in range(arguments.streams)]
        responses = [stream.getresponse() for stream in streams]
        status, seconds = server.terminate()
        endings = [list(events(response))[-1] for response in responses]

    def resident(share):
        """The median of a tenth of the samples, up to this share of the time."""
        end = max(1, round(len(samples) * share))
        return statistics.median_high(samples[max(0, end - max(1, len(samples) // 10)) : end])

    # Not from the beginning: the first requests fill what is kept.
    growth = resident(1) / resident(0.5) - 1
    clean = all("error" in ending and ending["error"]["code"] == "shutting_down" for ending in endings)
    print(json.dumps({
        "streams": arguments.streams, "seconds": arguments.seconds, "requests": load.count, "left": load.left,
        "tokens": load.tokens, "differences": len(load.differences),
        "residentBytes": {f"{tenth}0%": resident(tenth / 10) for tenth in range(1, 11)},
        "growthOfTheSecondHalf": round(growth, 4),
        "idleAtTheEnd": idle, "exitStatus": status, "secondsToEnd": round(seconds, 2), "streamsEndedWithError": clean,
    }, indent=2))
    for difference in load.differences[:5]:
        print(json.dumps(difference), file=sys.stderr)
    sys.exit(bool(load.differences) or not idle or growth > 0.1 or status != 0 or seconds > 3 or not clean)


if __name__ == "__main__":
    main()
