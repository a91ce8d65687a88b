// What the page asks of the server. Addresses are relative, so that a proxy may put the server below a path.

/** What went wrong, in words for a reader. */
class Failure extends Error {
  constructor(message, { status = 0, code = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The server's own words, if it had any. */
  static async of(response) {
    let error = {};
    try {
      error = (await response.json()).error ?? {};
    } catch {
      // It isn't this server's JSON: a proxy's page, say.
    }
    const message = error.message ?? `The server answered with status ${response.status}.`;
    return new Failure(message, { status: response.status, code: error.code });
  }

  get isAboutKey() {
    return this.status === 401;
  }
}

const apiKey = {
  get value() {
    return stored(sessionStorage, "longlm.key");
  },
  set value(key) {
    store(sessionStorage, "longlm.key", key);
  },
};

/**
 * Sends a request, as JSON if it has a body.
 * @throws {Failure} when there is no answer, or one that isn't 2xx.
 */
async function ask(path, body, signal) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (apiKey.value) headers.Authorization = `Bearer ${apiKey.value}`;
  let response;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server can’t be reached. It may have stopped, or the network is down.");
  }
  if (!response.ok) throw await Failure.of(response);
  return response;
}

/** The events of a streamed answer. Leaving the loop leaves the connection open: abort the signal as well. */
async function* stream(path, body, signal) {
  const response = await ask(path, { ...body, stream: true, stream_options: { include_usage: true } }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      part = { done: true };
    }
    if (part.done) throw new Failure("The connection broke before the answer had ended.");
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      // Other lines are empty, or comments that keep the connection open.
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Failure(event.error.message, { code: event.error.code });
      yield event;
    }
  }
}

/** False once the server has said that it doesn't count tokens. */
let canCount = true;

/** How many tokens a text has: counted by the server, or estimated from its length where that can't be had. */
async function countTokens(text) {
  if (canCount && text) {
    try {
      const { count } = await (await ask("tokenize", { prompt: text, add_special_tokens: false })).json();
      if (Number.isInteger(count)) return { count, isExact: true };
    } catch (error) {
      if (error.status === 404 || error.status === 405) canCount = false;
    }
  }
  return { count: estimate(text), isExact: text === "" };
}

/** About four bytes of English are a token. */
function estimate(text) {
  return Math.ceil(new Blob([text]).size / 4);
}
