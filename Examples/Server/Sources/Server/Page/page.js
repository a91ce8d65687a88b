// The page: what happens when something is pressed, written or dropped.

const byId = (id) => document.getElementById(id);
const draft = byId("draft");
/** What the server says of its model; null until it is known. */
let info = null;
/** On the keyboard of a touch screen, Enter is the only way to a new line. */
const hasKeyboard = !matchMedia("(pointer: coarse)").matches;
/** What ends the answer that is being written; null while there is none. */
let running = null;

// MARK: An answer

/** Whether a request can be made: the model is known, and the settings make sense. */
async function isReady() {
  if (!info && !(await loadInfo())) return false;
  if (settings.isValid) return true;
  showSettings(true);
  settings.form.reportValidity();
  return false;
}

/**
 * Asks for the answer to the turns so far, and shows it while it comes.
 * @param before the answer that it replaces; it comes back if there is no other
 */
async function answer(before) {
  const [path, body] = request(conversation.turns);
  const usage = { prompt: occupancy().asked, answer: 0, reused: 0, isExact: false };
  const turn = { role: "assistant", text: "", usage, end: null, problem: null, first: null, rate: null };
  conversation.turns.push(turn);
  running = new AbortController();
  const start = performance.now();
  const waited = () => (performance.now() - start) / 1000;
  const log = byId("log");
  log.setAttribute("aria-busy", "true");
  showNotice(null);
  showAll();
  scrollToEnd();
  save();
  announce("The answer begins.");

  // Neither more often than one sees, nor only when tokens come.
  const timer = setInterval(() => {
    showProgress(turn, waited());
    showContext();
  }, 100);
  try {
    for await (const event of stream(path, body, running.signal)) {
      take(event, turn, waited());
    }
    turn.end ??= "stop";
  } catch (error) {
    turn.end = error.name === "AbortError" ? "stopped" : "failed";
    if (turn.end === "failed") fail(turn, error, before);
    settle(turn, before);
  }
  clearInterval(timer);
  running = null;
  log.setAttribute("aria-busy", "false");
  showAll();
  save();
  if (turn.end !== "failed") announce(`The answer has ended: ${statistics(turn, 0)}.`);
}

/** Takes an event of a stream. */
function take(event, turn, waited) {
  const choice = event.choices?.[0];
  const text = choice?.delta?.content ?? choice?.text;
  if (text) {
    turn.text += text;
    turn.usage.answer += 1;
    turn.first ??= waited;
    if (waited > turn.first) turn.rate = (turn.usage.answer - 1) / (waited - turn.first);
  }
  if (choice?.finish_reason) turn.end = choice.finish_reason;
  if (event.usage) {
    const { prompt_tokens: prompt, completion_tokens: answer, prompt_tokens_details: details } = event.usage;
    turn.usage = { prompt, answer, reused: details?.cached_tokens ?? 0, isExact: true };
  }
}

/** Says why there is no answer, or no more of it. */
function fail(turn, error, before) {
  if (!(error instanceof Failure)) console.error(error);
  const what = turn.text ? "The answer broke off." : before?.text ? "There is no new answer." : "There is no answer.";
  turn.problem = `${what} ${error.isAboutKey ? "The server needs an API key: enter it below." : error.message}`;
  if (error.code === "context_length_exceeded") {
    turn.problem += " Remove a file, shorten the message, or start a new conversation.";
  }
  if (error.isAboutKey) askForKey(retry);
  // Another model has come: ask for it before the next attempt.
  if (error.code === "model_not_found") info = null;
  announce(turn.problem);
}

/** After an end without words, what was there before comes back; a question that was stopped has no answer. */
function settle(turn, before) {
  if (turn.text || (turn.end === "failed" && !before?.text)) return;
  conversation.turns.pop();
  if (!before?.text) return;
  const problem = turn.end === "failed" ? { end: "failed", problem: turn.problem } : {};
  conversation.turns.push({ ...before, ...problem });
}

async function send() {
  if (running || !(await isReady()) || running) return;
  const { text, files } = conversation.draft;
  const isEmpty = !text.trim() && !files.length;
  // A text can be continued as it stands; a chat needs a question.
  if (isEmpty && (info.chat || conversation.editing || !conversation.turns.length)) return;
  if (isEmpty) conversation.removeEmptyAnswer();
  else conversation.send();
  draft.focus();
  answer(null);
}

/** Asks again for the last answer. */
async function retry() {
  if (running || !(await isReady()) || running || !conversation.turns.length) return;
  const before = conversation.turns.at(-1).role === "assistant" ? conversation.turns.pop() : null;
  draft.focus();
  answer(before);
}

function edit() {
  conversation.edit();
  showAll();
  draft.focus();
}

// MARK: Files

async function addFiles(list) {
  const problems = [];
  for (const source of list) {
    try {
      if (source.size > 1 << 25) throw new Error("it is larger than 32 MB");
      const text = await textOf(source);
      const file = { name: source.name, text, count: null, isExact: false };
      conversation.draft.files.push(file);
      showAll();
      Object.assign(file, await countTokens(text));
      announce(`${file.name} was added: ${inTokens(file.count, file.isExact)}.`);
    } catch (error) {
      problems.push(`${source.name} was not added: ${error.message}.`);
    }
  }
  if (problems.length) showNotice(problems.join(" "), { isFailure: true });
  showAll();
  save();
}

/** A file's text, if it is one in UTF-8. */
async function textOf(source) {
  const bytes = await source.arrayBuffer().catch(() => {
    throw new Error("it can’t be read");
  });
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("it is not a text in UTF-8");
  }
  if (text.includes("\0")) throw new Error("it is not a text");
  if (!text.trim()) throw new Error("it is empty");
  return text;
}

// MARK: What is shown

function showAll() {
  showLog();
  showComposer();
  showContext();
}

function showComposer() {
  const isText = info?.chat === false;
  const { text, files } = conversation.draft;
  if (draft.value !== text) draft.value = text;
  byId("files").replaceChildren(...files.map((file) => fileItem(file, () => {
    files.splice(files.indexOf(file), 1);
    announce(`${file.name} was removed.`);
    showAll();
    save();
    draft.focus();
  })));
  byId("editing").hidden = !conversation.editing;
  byId("draft-label").textContent = isText ? "Text to continue" : "Message";
  draft.placeholder = isText ? "Text to continue" : "Message";
  byId("system-row").hidden = isText;
  byId("send").textContent = isText ? "Continue" : "Send";
  byId("send").hidden = running !== null;
  byId("stop").hidden = running === null;
  byId("hint").textContent = !hasKeyboard ? ""
    : running ? "Escape stops the answer" : "Enter sends, Shift+Enter makes a new line";
  byId("clear").disabled = running !== null || !conversation.turns.length;
  byId("forget-key").hidden = !apiKey.value;
  growDraft();
}

/** Makes the field as high as its text, within what the style allows. */
function growDraft() {
  draft.style.height = "auto";
  draft.style.height = `${draft.scrollHeight + 2}px`;
}

/**
 * Says something above the field.
 * @param {?string} words null: nothing any more
 * @param action words of a button, and what it does
 */
function showNotice(words, { isFailure = false, action = null } = {}) {
  const notice = byId("notice");
  notice.hidden = !words;
  notice.className = isFailure ? "failed" : "";
  notice.setAttribute("role", isFailure ? "alert" : "status");
  notice.replaceChildren();
  if (!words) return;
  notice.append(element("span", {}, words));
  if (action) {
    notice.append(link(action[0], () => {
      showNotice(null);
      action[1]();
    }));
  }
  notice.append(link("Dismiss", () => {
    showNotice(null);
    draft.focus();
  }));
}

function showSettings(isOpen) {
  byId("settings").hidden = !isOpen;
  byId("settings-button").setAttribute("aria-expanded", String(isOpen));
}

/** Asks for a key, and then does what could not be done without. */
function askForKey(then) {
  const form = byId("key-form");
  byId("key-label").textContent = apiKey.value
    ? "The server refused this API key. Another one:" : "This server asks for an API key.";
  form.hidden = false;
  byId("key").focus();
  form.onsubmit = (event) => {
    event.preventDefault();
    apiKey.value = byId("key").value;
    byId("key").value = "";
    form.hidden = true;
    then();
  };
}

/** Asks the server for its model; false if it didn't say. */
async function loadInfo() {
  try {
    info = await (await ask("info")).json();
  } catch (error) {
    if (error.isAboutKey) askForKey(loadInfo);
    else showNotice(error.message, { isFailure: true, action: ["Try again", loadInfo] });
    return false;
  }
  const { model, capacity, trained_context: trained, attention } = info;
  document.title = model;
  byId("model").textContent = model;
  const kind = attention.neighbor_window
    ? `Self-Extend, G\u00a0=\u00a0${attention.group_size}, W\u00a0=\u00a0${numbers.format(attention.neighbor_window)}` : "plain attention";
  byId("facts").textContent =
    `Up to ${inTokens(capacity)}, trained for ${numbers.format(trained)}; ${kind}`;
  byId("max_tokens").max = info.answer_limit;
  showAll();
  await recount();
  showContext();
  return true;
}

// MARK: What is kept

let tellsAboutStorage = true;

/** From the moment that the page is left, what ends with it is not what happened to the conversation. */
let isLeft = false;

function save() {
  if (isLeft || conversation.save() || !tellsAboutStorage) return;
  tellsAboutStorage = false;
  showNotice("The browser can’t keep this conversation: it is too large, or storage is off. "
    + "Reloading the page will lose it.");
}

let pause = 0;

/** After what is typed: saves and counts once there is a pause. */
function saveSoon() {
  clearTimeout(pause);
  pause = setTimeout(async () => {
    save();
    if (await recount()) showContext();
  }, 400);
}

// MARK: Events

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
draft.addEventListener("input", () => {
  conversation.draft.text = draft.value;
  growDraft();
  showContext();
  saveSoon();
});
draft.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || !hasKeyboard) return;
  event.preventDefault();
  send();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  // On narrow screens the settings cover the conversation.
  if (wide.matches || byId("settings").hidden) return running?.abort();
  showSettings(false);
  byId("settings-button").focus();
});
byId("stop").addEventListener("click", () => {
  running?.abort();
  draft.focus();
});
byId("stop-editing").addEventListener("click", () => {
  conversation.stopEditing();
  showAll();
  draft.focus();
});
byId("clear").addEventListener("click", () => {
  const { turns, editing } = conversation;
  if (editing) conversation.stopEditing();
  conversation.turns = [];
  showAll();
  save();
  draft.focus();
  showNotice("The conversation was cleared.", {
    action: ["Undo", () => {
      conversation.turns = [...turns, ...conversation.turns];
      showAll();
      save();
    }],
  });
});
byId("settings-button").addEventListener("click", () => showSettings(byId("settings").hidden));
settings.form.addEventListener("submit", (event) => event.preventDefault());
settings.form.addEventListener("input", () => {
  settings.save();
  saveSoon();
});
byId("forget-key").addEventListener("click", () => {
  apiKey.value = null;
  showComposer();
});
byId("attach").addEventListener("click", () => byId("file-input").click());
byId("file-input").addEventListener("change", async (event) => {
  await addFiles([...event.target.files]);
  event.target.value = "";
  draft.focus();
});

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  byId("drop").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) byId("drop").hidden = true;
});
addEventListener("drop", (event) => {
  byId("drop").hidden = true;
  if (!carriesFiles(event)) return;
  event.preventDefault();
  addFiles([...event.dataTransfer.files]);
});
addEventListener("pagehide", () => {
  save();
  isLeft = true;
});
// The last that a page hears on a phone, now and then.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) save();
});
addEventListener("pageshow", () => (isLeft = false));

// As in the style.
const wide = matchMedia("(min-width: 60rem)");
wide.addEventListener("change", () => showSettings(wide.matches));

conversation.restore();
settings.restore();
showSettings(wide.matches);
showAll();
draft.focus();
followEnd();
scrollToEnd();
loadInfo();
