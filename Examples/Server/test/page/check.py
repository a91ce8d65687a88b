"""Uses a built server's page in headless Chromium, as a reader would. The exit status is 1 when anything fails.

    apt-get install chromium chromium-driver
    pip install -r requirements.txt
    python check.py --server ../../.build/release/Server --model ../../../../Fixtures/.cache/SmolLM2-135M-Instruct

--pictures DIR saves what it looks like: on a desktop and on a phone, in light and dark. Names of checks run only those.
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from browser import NARROW, Browser
from selenium.webdriver.common.keys import Keys
from server import Server

FIXTURES = pathlib.Path(__file__).resolve().parents[4] / "Fixtures"
PASSKEY_MODEL = str(FIXTURES / "passkey-tiny")
EXTENDED = ["--self-extend", "4:512", "--length", "12288", "--max-tokens", "4000"]
STORY = "Tell me a very long story about a lighthouse, the sea and a cat. Then tell me another one."
QUESTION = "What is the capital of France?"

checks = []


def check(function):
    """A check gets a browser, and the paths of the server's program and of SmolLM2."""
    checks.append(function)
    return function


def begin(browser, server):
    browser.open(server.port)
    browser.set("temperature", 0)


def tokens(browser, name):
    """A number of the legend below the bar, such as that of the prompt."""
    match = re.search(rf"{name} ([\d,]+)", browser.text("#legend"))
    return int(match[1].replace(",", "")) if match else 0


def messages(browser, role="assistant"):
    return [element.text for element in browser.all(f".turn.{role} > .text")]


@check
def chat(browser, binary, model):
    """Two turns, streamed, with their figures."""
    with Server(binary, model) as server:
        browser.open(server.port)
        browser.take_pictures("empty")
        browser.set("temperature", 0)
        browser.set("max_tokens", 300)
        browser.write(STORY)
        lengths = set()
        browser.wait(lambda: lengths.add(len("".join(messages(browser)))) or len(lengths) > 5, "an answer that grows")
        assert browser.is_shown("#stop") and not browser.is_shown("#send")
        assert "tokens/s" in browser.text(".meta") and "first token after" in browser.text(".meta")
        assert browser.find("#log").get_attribute("aria-busy") == "true"
        browser.wait_for_end()
        assert "300 tokens" in browser.text(".meta") and "cut off" in browser.text(".meta"), browser.text(".meta")
        assert tokens(browser, "answer") == 300 and tokens(browser, "prompt") > 30, browser.text("#legend")
        bar = browser.find("#bar")
        assert int(bar.get_attribute("aria-valuenow")) == tokens(browser, "answer") + tokens(browser, "prompt")
        browser.write("Thank you. " + QUESTION)
        browser.wait_for_end()
        assert len(messages(browser)) == 2 and "reused" in browser.text(".meta")
        assert tokens(browser, "prompt") > 330, "the second request holds the first turns"


@check
def while_it_streams(browser, binary, model):
    """Pictures of a conversation that is past its window while an answer comes; one may write meanwhile, and stop it."""
    with Server(binary, model, *EXTENDED) as server:
        begin(browser, server)
        browser.drop([("alice.txt", (FIXTURES / "haystack/alice.txt").read_bytes()[:9000])])
        browser.wait(lambda: "counting" not in browser.text("#files"), "the file's tokens")
        assert re.search(r"[\d,]{5,} tokens", browser.text("#files")), browser.text("#files")
        browser.take_pictures("file")
        browser.write("Write a long summary.")
        browser.take_pictures("reading")
        browser.wait(lambda: len("".join(messages(browser))) > 200, "an answer")
        browser.find("#draft").send_keys("A thought meanwhile")
        browser.take_pictures("stream")
        assert browser.is_shown("#stop"), "it went on while the pictures were taken"
        legend = browser.text("#legend")
        assert "groups of 4" in legend and "last 512: exact" in legend and "trained for 8,192" in legend, legend
        edge = browser.run("return [...['.edge', '.answer', '.trained']].map(name =>"
                           " document.querySelector('#bar > ' + name).getBoundingClientRect().x)")
        assert edge[0] < edge[2], edge
        browser.find("#draft").send_keys(Keys.ESCAPE)
        browser.wait_for_end()
        assert "stopped" in browser.text(".meta")
        assert server.wait_for(running=0, waiting=0, seconds=5), "the server has stopped as well"
        assert browser.find("#draft").get_attribute("value") == "A thought meanwhile"
        browser.take_pictures("stopped")


@check
def again(browser, binary, model):
    """The last turn is asked again, and edited; what was taken back by mistake is still there."""
    with Server(binary, model) as server:
        begin(browser, server)
        browser.set("max_tokens", 12)
        browser.write(QUESTION)
        browser.wait_for_end()
        first = messages(browser)
        browser.press("Try again")
        browser.wait_for_end()
        assert messages(browser) == first, "temperature 0 gives the same answer"
        browser.find("#draft").send_keys("Something else")
        browser.press("Edit")
        assert browser.find("#draft").get_attribute("value") == QUESTION
        browser.press("Cancel editing")
        assert browser.find("#draft").get_attribute("value") == "Something else" and messages(browser) == first
        browser.press("Edit")
        browser.take_pictures("editing")
        browser.find("#draft").send_keys(Keys.CONTROL + "a")
        browser.write("What is the capital of Italy?")
        browser.wait_for_end()
        assert messages(browser, "user") == ["What is the capital of Italy?"] and messages(browser) != first
        assert browser.find("#draft").get_attribute("value") == "Something else"


@check
def files(browser, binary, model):
    """Files that are texts become part of the message; others are refused in words."""
    with Server(binary, model) as server:
        begin(browser, server)
        browser.set("max_tokens", 24)
        browser.drop([("picture.png", b"\x89PNG\xff\x00"), ("zeros.txt", b"a\0b"), ("empty.txt", b" \n")])
        browser.wait(lambda: browser.text("#notice").count("was not added") == 3, "three files refused")
        browser.take_pictures("refused")
        # By the button's field, too.
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "page-check.txt")
            path.write_text("The name of the lighthouse is Tilda. " * 20)
            browser.find("#file-input").send_keys(str(path))
            browser.wait(lambda: "page-check.txt" in browser.text("#files"), "the file")
        browser.drop([("notes.txt", "The cat is called Bruno.")])
        browser.wait(lambda: len(browser.all("#files li")) == 2 and "counting" not in browser.text("#files"), "two files")
        assert "notes.txt was added: 6 tokens" in browser.find("#announcement").get_attribute("textContent")
        browser.press("Remove", "#files")
        assert browser.text("#files .name") == "page-check.txt"
        assert browser.find("#announcement").get_attribute("textContent") == "notes.txt was removed."
        estimate = tokens(browser, "not sent")
        assert 120 < estimate < 300, browser.text("#legend")
        browser.write("What is the name of the lighthouse?")
        browser.wait_for_end()
        assert "Tilda" in messages(browser)[0], messages(browser)
        assert tokens(browser, "prompt") > 180, "the file was sent"
        assert browser.text(".turn.user .name") == "page-check.txt" and not browser.text("#files")


@check
def server_goes(browser, binary, model):
    """The server is killed during an answer and comes back; nothing that was written is lost."""
    with Server(binary, model) as server:
        begin(browser, server)
        browser.write(STORY)
        browser.wait(lambda: len("".join(messages(browser))) > 150, "an answer")
        browser.find("#draft").send_keys("Unsent words")
        server.process.kill()
        browser.wait_for_end()
        assert "The answer broke off. The connection broke" in browser.text(".error"), browser.text(".error")
        partial = messages(browser)[0]
        assert len(partial) > 150
        browser.take_pictures("broken")
        browser.press("Try again")
        browser.wait(lambda: "can’t be reached" in browser.text(".error"), "an error that says so")
        assert messages(browser) == [partial], "what there was of the answer is still there"
        browser.find("#draft").send_keys(Keys.ENTER)
        browser.wait(lambda: "There is no answer" in browser.text(".error"), "an error for the second message")
        browser.take_pictures("unreachable")
        assert messages(browser, "user") == [STORY, "Unsent words"]
        port = server.port
    with Server(binary, model, port=port):
        browser.set("max_tokens", 8)
        browser.press("Try again")
        browser.wait_for_end()
        assert not browser.all(".turn:last-child .error") and "8 tokens" in browser.text(".meta"), browser.text("#log")
        assert len(messages(browser)) == 2


@check
def context_exceeded(browser, binary, model):
    """A text that is too long is refused by the server, named with its figures, and can be taken out again."""
    with Server(binary, model, "--length", "600") as server:
        begin(browser, server)
        browser.drop([("long.txt", "many words and more of them " * 400)])
        browser.wait(lambda: "too many" in browser.text("#legend"), "a warning before it is sent")
        browser.write("What is this about?")
        browser.wait(lambda: "600" in browser.text(".error"), "the server's refusal")
        assert "Remove a file" in browser.text(".error"), browser.text(".error")
        browser.take_pictures("exceeded")
        browser.press("Edit the message")
        assert browser.find("#draft").get_attribute("value") == "What is this about?"
        browser.press("Remove", "#files")
        browser.find("#draft").send_keys(" Say it in a word.")
        browser.set("max_tokens", 8)
        browser.write("")
        browser.wait_for_end()
        assert len(messages(browser)) == 1 and not browser.text(".error")


@check
def reload(browser, binary, model):
    """What was said, written and set is there after a reload, and not after it was cleared."""
    with Server(binary, model) as server:
        begin(browser, server)
        browser.set("max_tokens", 10)
        browser.set("system", "You are a pirate.")
        browser.write(QUESTION)
        browser.wait_for_end()
        browser.find("#draft").send_keys("Not sent")
        before = browser.text("#log"), browser.text("#legend").replace("about ", "")
        browser.open(server.port)
        assert browser.text("#log") == before[0], (browser.text("#log"), before)
        assert browser.find("#draft").get_attribute("value") == "Not sent"
        assert browser.find("[name=system]").get_attribute("value") == "You are a pirate."
        browser.press("New conversation")
        assert not messages(browser)
        browser.press("Undo")
        assert browser.text("#log") == before[0]
        browser.press("New conversation")
        browser.open(server.port)
        assert not messages(browser) and browser.find("#draft").get_attribute("value") == "Not sent"
        # A reload in the middle of an answer keeps what there is of it.
        browser.set("max_tokens", "")
        browser.find("#draft").send_keys(Keys.CONTROL + "a")
        browser.write(STORY)
        browser.wait(lambda: len("".join(messages(browser))) > 100, "an answer")
        browser.open(server.port)
        assert len(messages(browser)[0]) > 100 and "reloaded" in browser.text(".error")


@check
def texts_are_not_markup(browser, binary, model):
    """What is written or generated is shown as it is; blocks of code stand apart."""
    with Server(binary, model) as server:
        begin(browser, server)
        browser.set("max_tokens", 4)
        text = "<img src=x onerror='window.broken = 1'> & <b>bold</b>\n\n```swift\nlet a = [1]\n\n  print(a)\n```\nafter"
        for line in text.split("\n"):
            browser.write(line, Keys.SHIFT + Keys.ENTER + Keys.NULL)
        browser.write("")
        browser.wait_for_end()
        assert not browser.all(".turn img, .turn b") and browser.run("return window.broken") is None
        assert browser.all(".turn.user p")[0].text == text.split("\n")[0]
        code = browser.run("return document.querySelector('.turn.user pre').textContent")
        assert code == "let a = [1]\n\n  print(a)", code
        browser.take_pictures("code")


@check
def settings(browser, binary, model):
    """A setting out of range is refused before anything is sent; the panel opens and closes."""
    with Server(binary, model) as server:
        browser.open(server.port)
        browser.set("temperature", 3)
        browser.press("Settings")
        assert not browser.is_shown("#settings")
        browser.write(QUESTION)
        browser.wait(lambda: browser.is_shown("#settings"), "the settings")
        assert browser.find("#draft").get_attribute("value") == QUESTION and not messages(browser, "user")
        browser.set("temperature", 1.5)
        browser.set("top_p", 0.9)
        browser.set("max_tokens", 10)
        texts = []
        for seed in [1, 1, 2]:
            browser.set("seed", seed)
            browser.press("Send") if not texts else browser.press("Try again")
            browser.wait_for_end()
            texts += messages(browser)
        assert texts[0] == texts[1] != texts[2], texts
        browser.take_pictures("settings", "Settings")
        browser.set_screen(NARROW)
        browser.press("Settings")
        assert browser.is_shown("#settings") and not browser.is_shown("#log")
        browser.find("[name=seed]").send_keys(Keys.ESCAPE)
        assert browser.is_shown("#log") and not browser.is_shown("#settings")
        assert browser.run("return document.activeElement.id") == "settings-button"


@check
def completion(browser, binary, _):
    """A model without a chat format continues texts."""
    with Server(binary, PASSKEY_MODEL, "--self-extend", "auto", "--length", "1400") as server:
        browser.open(server.port)
        assert "no chat format" in browser.text(".empty") and browser.text("#send") == "Continue"
        assert not browser.is_shown("[name=system]")
        browser.set("temperature", 0)
        browser.set("max_tokens", 5)
        browser.write("the pass key is 71938. what is the pass key? the pass key is ")
        browser.wait_for_end()
        first = messages(browser)
        browser.write("")
        browser.wait_for_end()
        assert len(messages(browser)) == 2 and messages(browser)[:1] == first
        browser.take_pictures("completion")


@check
def keyboard_and_labels(browser, binary, model):
    """All controls have names and are reached by the tab key; the answer's end is announced."""
    with Server(binary, model) as server:
        begin(browser, server)
        browser.set("max_tokens", 5)
        browser.write(QUESTION)
        browser.wait_for_end()
        assert "The answer has ended: 5 tokens" in browser.find("#announcement").get_attribute("textContent")
        assert browser.run("return document.activeElement.id") == "draft"
        shown = [element for element in browser.all("button, input, textarea") if element.is_displayed()]
        assert all(element.accessible_name for element in shown)
        reached = set()
        for _ in range(len(shown) + 5):
            reached.add(browser.driver.switch_to.active_element.id)
            browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        missing = [element.accessible_name for element in shown if element.is_enabled() and element.id not in reached]
        assert not missing, missing


@check
def key(browser, binary, model):
    """The page asks for the key that the server wants, also after a wrong one, and goes on where it was."""
    with Server(binary, model, "--api-key", "right-key") as server:
        browser.driver.get(f"http://127.0.0.1:{server.port}/")
        browser.wait(lambda: browser.is_shown("#key"), "a field for the key")
        browser.take_pictures("key")
        browser.find("#key").send_keys("wrong" + Keys.ENTER)
        browser.wait(lambda: "refused" in browser.text("#key-label"), "a refusal")
        browser.find("#key").send_keys("right-key" + Keys.ENTER)
        browser.wait(lambda: browser.text("#facts"), "the model's facts")
        browser.set("max_tokens", 5)
        browser.write(QUESTION)
        browser.wait_for_end()
        assert len(messages(browser)) == 1 and not browser.text(".error")
        browser.press("Forget the API key")
        browser.press("Try again")
        browser.wait(lambda: browser.is_shown("#key"), "a field for the key")
        browser.find("#key").send_keys("right-key" + Keys.ENTER)
        browser.wait(lambda: not browser.text(".error") and browser.is_shown("#send"), "an answer")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="a directory of SmolLM2-135M-Instruct")
    parser.add_argument("--pictures", help="a directory for pictures")
    parser.add_argument("names", nargs="*", help="checks; all by default")
    arguments = parser.parse_args()
    if arguments.pictures:
        os.makedirs(arguments.pictures, exist_ok=True)
    failures = 0
    for function in checks:
        if arguments.names and function.__name__ not in arguments.names:
            continue
        start = time.monotonic()
        with Browser(arguments.pictures) as browser:
            try:
                function(browser, arguments.server, arguments.model)
                errors = browser.errors()
                assert not errors, errors
                print(f"passed {function.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
            except Exception:
                failures += 1
                print(f"FAILED {function.__name__}\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
