"""Measures how long running streams wait for their next token while long prompts are read.

    python gaps.py --server ../.build/release/Server --model ../../../Fixtures/.cache/SmolLM2-135M-Instruct

Prints a JSON object for each round of each scenario.

- one: eight greedy streams run; then a long prompt arrives, and a second later a short question. The gaps between the
  streams' tokens before the long prompt came and while it was read, the seconds to its first token and to that of the
  short question.
- many: eight prompts of about 3,000 tokens arrive at once. The seconds to each one's first token, and those that the
  first one needs alone.

With several servers (--server A --server B) they take turns.
"""

import argparse
import json
import os
import statistics
import threading
import time

from server import Server, events

TEXT = "/v1/completions"
BOOK = os.path.join(os.path.dirname(__file__), "../../../Fixtures/haystack/alice.txt")
OPTIONS = ["--batch", "10", "--length", "8192", "--max-tokens", "4000"]


class Stream(threading.Thread):
    """A stream of one token over and over, and when each arrived."""

    def __init__(self, server, number):
        super().__init__()
        body = {"prompt": f"Once upon a time, {number}", "max_tokens": 4000, "temperature": 0, "stream": True}
        self.connection = server.open(TEXT, {**body, "logit_bias": {str(1000 + number): 100}})
        self.times = []
        self.is_over = False
        self.start()

    def run(self):
        for event in events(self.connection.getresponse()):
            if self.is_over:
                break
            assert event != "[DONE]" and "error" not in event, f"a stream ended: {event}"
            self.times.append(time.monotonic())
        self.connection.close()

    def gaps(self, start, end):
        """The seconds between two tokens, wherever some of them lie between two times."""
        pairs = zip(self.times, self.times[1:])
        return [after - before for before, after in pairs if after > start and before < end]


def ask(server, prompt):
    """The seconds to an answer's first token, and the tokens of its prompt."""
    start = time.monotonic()
    usage = {"include_usage": True}
    body = {"prompt": prompt, "max_tokens": 4, "temperature": 0, "stream": True, "stream_options": usage}
    connection = server.open(TEXT, body)
    first = last = None
    for event in events(connection.getresponse()):
        first = first or time.monotonic()
        last = event if event != "[DONE]" else last
    connection.close()
    return first - start, last["usage"]["prompt_tokens"]


def measure_one(binary, model, words, count):
    """A long prompt beside streams."""
    prompt = " ".join(words[:count])
    with Server(binary, model, *OPTIONS) as server:
        streams = [Stream(server, number) for number in range(8)]
        time.sleep(5)
        assert all(stream.times for stream in streams), "all streams run"
        start = time.monotonic()
        short = []

        def ask_short():
            time.sleep(1)
            short.append(ask(server, "The capital of France is")[0])

        asker = threading.Thread(target=ask_short)
        asker.start()
        seconds, tokens = ask(server, prompt)
        asker.join()
        time.sleep(1)
        assert all(stream.is_alive() for stream in streams), "all streams outlast the prompt"
        for stream in streams:
            stream.is_over = True
            stream.join()
        before = [gap for stream in streams for gap in stream.gaps(start - 3, start - 0.5)]
        gaps = [gap for stream in streams for gap in stream.gaps(start, start + seconds)]
    return {
        "scenario": "one", "server": binary, "promptTokens": tokens, "medianGapBefore": round(statistics.median(before), 4),
        "medianGap": round(statistics.median(gaps), 4), "longestGap": round(max(gaps), 4), "gaps": len(gaps),
        "firstTokenOfPrompt": round(seconds, 2), "firstTokenOfShortQuestion": round(short[0], 2),
    }


def measure_many(binary, model, words, count):
    """Eight prompts at once, half as long as the one of the other scenario."""
    count //= 2
    prompts = [" ".join(words[number * count : (number + 1) * count]) for number in range(9)]
    with Server(binary, model, *OPTIONS) as server:
        alone, tokens = ask(server, prompts[8])
        assert server.wait_for(running=0, waiting=0)
        seconds = [None] * 8

        def ask_one(number):
            seconds[number], _ = ask(server, prompts[number])

        threads = [threading.Thread(target=ask_one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
            # In this order, and yet at once.
            time.sleep(0.01)
        for thread in threads:
            thread.join()
    return {
        "scenario": "many", "server": binary, "promptTokens": tokens, "firstTokenAlone": round(alone, 2),
        "firstTokens": [round(second, 2) for second in seconds],
    }


SCENARIOS = {"one": measure_one, "many": measure_many}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, action="append", help="a built server; may be given several times")
    parser.add_argument("--model", required=True, help="a directory of SmolLM2-135M-Instruct")
    parser.add_argument("--words", type=int, default=4750, help="words of the long prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="by default all")
    arguments = parser.parse_args()
    with open(BOOK, encoding="utf-8") as file:
        words = file.read().split()
    for _ in range(arguments.rounds):
        for scenario in arguments.scenario or SCENARIOS:
            for binary in arguments.server:
                result = SCENARIOS[scenario](binary, arguments.model, words, arguments.words)
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
