// The turns of the conversation as one sees them.

/** An element with its properties and its children, which are elements or texts. */
function element(name, properties = {}, ...children) {
  const result = Object.assign(document.createElement(name), properties);
  result.append(...children);
  return result;
}

function link(words, action) {
  return element("button", { type: "button", className: "link", onclick: action }, words);
}

/** The paragraphs of a text, and its blocks of code between fences. Nothing else of Markdown is read. */
function blocks(text) {
  const result = [];
  let paragraph = [];
  let code = null;
  const endParagraph = () => {
    if (paragraph.length) result.push({ isCode: false, text: paragraph.join("\n") });
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (code) {
      if (fence?.startsWith(code.fence) && line.trim() === fence) code = null;
      else code.block.text += (code.block.text && "\n") + line;
    } else if (fence) {
      endParagraph();
      code = { fence, block: { isCode: true, text: "" } };
      result.push(code.block);
    } else if (line.trim()) {
      paragraph.push(line);
    } else {
      endParagraph();
    }
  }
  endParagraph();
  return result;
}

/** Shows a text. Blocks that are there already stay, so that a growing text costs no more than its last block. */
function showText(place, text) {
  const wanted = blocks(text);
  wanted.forEach((block, index) => {
    let child = place.children[index];
    if (child?.tagName !== (block.isCode ? "PRE" : "P")) {
      const fresh = block.isCode ? element("pre", { tabIndex: 0 }, element("code")) : element("p");
      if (child) child.replaceWith(fresh);
      else place.append(fresh);
      child = fresh;
    }
    const target = block.isCode ? child.firstChild : child;
    if (target.textContent !== block.text) target.textContent = block.text;
  });
  while (place.children.length > wanted.length) place.lastChild.remove();
}

/** The speed of an answer, and how it ended. */
function statistics(turn, waited) {
  const { prompt, answer, reused, isExact } = turn.usage;
  const words = [];
  if (!turn.text && !turn.end) words.push(`Reading ${inTokens(prompt, isExact)}: ${waited.toFixed(1)} s`);
  if (turn.first !== null && answer) {
    words.push(inTokens(answer));
    if (turn.rate) words.push(`${turn.rate.toFixed(turn.rate < 10 ? 1 : 0)} tokens/s`);
    words.push(`first token after ${turn.first.toFixed(2)} s`);
  }
  if (reused) words.push(`${numbers.format(reused)} of ${numbers.format(prompt)} prompt tokens reused`);
  if (turn.end === "length") words.push("cut off at the token limit");
  if (turn.end === "stopped") words.push("stopped");
  // The last one has a box that says more.
  if (turn.end === "failed" && turn !== conversation.turns.at(-1)) words.push(turn.text ? "broken off" : "no answer");
  return words.join(" · ");
}

function fileItem(file, remove) {
  const count = file.count === null ? "counting…" : inTokens(file.count, file.isExact);
  const item = element("li", { title: file.name },
    element("span", { className: "name" }, file.name), element("span", { className: "count" }, count));
  if (remove) item.append(element("button", { type: "button", onclick: remove, ariaLabel: `Remove ${file.name}` }, "Remove"));
  return item;
}

/** Copies a text, also where a page that came without encryption has no clipboard. */
async function copy(text, button) {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
    } else {
      const area = document.body.appendChild(element("textarea", { value: text, className: "hidden" }));
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    announce("Copied.");
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied: the browser refused";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function errorBox(turn, isBusy) {
  const actions = isBusy ? [] : [link("Try again", retry), link("Edit the message", edit)];
  return element("div", { className: "error" },
    element("p", {}, turn.problem), element("div", { className: "below" }, ...actions));
}

/** One turn, and what can be done with it. */
function turnElement(turn, index) {
  const isLast = index === conversation.turns.length - 1;
  const isUser = turn.role === "user";
  const isBusy = running !== null || conversation.editing !== null;
  const text = element("div", { className: "text" });
  showText(text, turn.text);
  const name = isUser ? (info?.chat === false ? "Text" : "You") : (info?.model ?? "Answer");
  const below = element("div", { className: "below" });
  const result = element("article", { className: `turn ${turn.role}` }, element("h2", {}, name));
  if (isUser && turn.files.length) result.append(element("ul", {}, ...turn.files.map((file) => fileItem(file))));
  if (turn.text || (!isUser && !turn.end)) result.append(text);
  result.append(below);
  const figures = isUser ? "" : statistics(turn, 0);
  if (figures) below.append(element("span", { className: "meta" }, figures));
  if (!isUser && turn.end === "failed" && isLast) result.append(errorBox(turn, isBusy));
  if (isBusy) {
    result.classList.toggle("replaced", index >= (conversation.editing?.index ?? Infinity));
    return result;
  }
  if (turn.text) {
    const button = link("Copy", () => copy(turn.text, button));
    below.append(button);
  }
  if (isUser && index === conversation.lastQuestion) below.append(link("Edit", edit));
  if (isLast && turn.end !== "failed") below.append(link(isUser ? "Ask" : "Try again", retry));
  return result;
}

/** Shows all turns. */
function showLog() {
  const log = document.getElementById("log");
  const turns = conversation.turns.map(turnElement);
  const words = info?.chat === false
    ? "This model has no chat format. Write the beginning of a text, and the model continues it."
    : "Write a message, or add a text file and ask about it.";
  const wasAtEnd = isAtEnd;
  log.replaceChildren(...(turns.length ? turns : [element("p", { className: "empty" }, words)]));
  if (wasAtEnd) scrollToEnd();
}

/** Whether the end of the log is shown. Then it stays shown, however the log grows and the window changes. */
let isAtEnd = true;

function scrollToEnd() {
  const log = document.getElementById("log");
  log.scrollTop = log.scrollHeight;
  isAtEnd = true;
}

function followEnd() {
  const log = document.getElementById("log");
  log.addEventListener("scroll", () => {
    isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  });
  new ResizeObserver(() => isAtEnd && scrollToEnd()).observe(log);
}

/** Shows what has come of the answer that is being written. */
function showProgress(turn, waited) {
  const last = document.getElementById("log").lastElementChild;
  showText(last.querySelector(".text"), turn.text);
  last.querySelector(".meta").textContent = statistics(turn, waited);
  if (isAtEnd) scrollToEnd();
}

/** Tells those who hear the page instead of seeing it. */
function announce(words) {
  document.getElementById("announcement").textContent = words;
}
