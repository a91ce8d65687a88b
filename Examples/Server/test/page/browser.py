"""A headless Chromium that shows the server's page."""

import os
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# Width, height, and whether it is touched rather than pointed at.
DESKTOP = (1280, 800, False)
PHONE = (390, 844, True)
NARROW = (360, 640, True)


class Browser:
    def __init__(self, pictures):
        self.pictures = pictures
        options = webdriver.ChromeOptions()
        for option in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]:
            options.add_argument(option)
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService("/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options, service)
        self.set_screen(DESKTOP)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    # The screen

    def set_screen(self, screen, scheme="light"):
        width, height, is_touched = screen
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_touched})
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_touched})
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def take_pictures(self, name, button=None):
        """The page as it is on each screen, in light and dark. Nothing is wider than the screen.

        A button is pressed on the phone, for what only a wide screen shows by itself."""
        for screen, where in [(DESKTOP, "desktop"), (PHONE, "phone"), (NARROW, "narrow")]:
            self.set_screen(screen)
            if button and screen == PHONE:
                self.press(button)
            for scheme in ["light", "dark"]:
                self.set_screen(screen, scheme)
                time.sleep(0.2)
                if self.pictures:
                    self.driver.save_screenshot(os.path.join(self.pictures, f"{name}-{where}-{scheme}.png"))
                sizes = self.run("return [document.documentElement.scrollWidth, innerWidth, "
                                 "document.documentElement.scrollHeight, innerHeight]")
                assert sizes[0] <= sizes[1] and sizes[2] <= sizes[3], (name, where, sizes)
        self.set_screen(DESKTOP)

    # The page

    def open(self, port):
        self.driver.get(f"http://127.0.0.1:{port}/")
        self.wait(lambda: self.text("#facts") != "", "the model's facts")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """The text that is shown there, or nothing."""
        try:
            return " ".join(element.text for element in self.all(selector) if element.is_displayed())
        except StaleElementReferenceException:
            return self.text(selector)

    def is_shown(self, selector):
        return any(element.is_displayed() for element in self.all(selector))

    def press(self, words, within="body"):
        """Presses the last button of that name."""
        for button in reversed(self.all(f"{within} button")):
            if button.is_displayed() and button.text == words:
                return button.click()
        raise AssertionError(f"there is no button {words}")

    def set(self, name, value):
        """Fills in a setting."""
        field = self.find(f"#settings [name={name}]")
        field.clear()
        if value != "":
            field.send_keys(str(value))

    def write(self, text, key=Keys.ENTER):
        self.find("#draft").send_keys(text + key)

    def wait(self, condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s; the page shows\n{self.text('body')}"
            time.sleep(0.05)

    def wait_for_end(self):
        self.wait(lambda: self.is_shown("#send"), "the end of the answer")

    def drop(self, files):
        """Drops files, given as pairs of a name and a text or bytes."""
        self.run("""
            const transfer = new DataTransfer();
            for (const [name, bytes] of arguments[0]) transfer.items.add(new File([new Uint8Array(bytes)], name));
            for (const type of ["dragover", "drop"]) {
                document.body.dispatchEvent(
                    new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
            }""", [[name, list(data if isinstance(data, bytes) else data.encode())] for name, data in files])

    def errors(self):
        """What the console says is wrong. Answers of other statuses are among what it reports, and aren't errors of the
        page."""
        return [
            entry for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING") and entry["source"] != "network"]
