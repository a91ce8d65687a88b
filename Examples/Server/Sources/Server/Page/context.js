// How full the model's context is, and where its grouped positions begin.

const numbers = new Intl.NumberFormat("en-US");

/** The number of tokens in words, such as "about 1,200 tokens". */
function inTokens(count, isExact = true) {
  return `${isExact ? "" : "about "}${numbers.format(count)} ${count === 1 ? "token" : "tokens"}`;
}

/** How many tokens the draft and the system prompt have, and for which texts that was counted. */
const counted = { draft: { text: "", count: 0, isExact: true }, system: { text: "", count: 0, isExact: true } };

/** Counts again what has changed; true if that was anything. */
async function recount() {
  const texts = { draft: conversation.draft.text, system: settings.system };
  const changed = Object.keys(texts).filter((name) => counted[name].text !== texts[name]);
  for (const name of changed) counted[name] = { text: texts[name], ...(await countTokens(texts[name])) };
  return changed.length > 0;
}

/** Adds counts; the sum is exact if all are. */
function sum(counts) {
  return {
    count: counts.reduce((sum, { count }) => sum + count, 0),
    isExact: counts.every(({ isExact }) => isExact),
  };
}

/**
 * What fills the context: the prompt and the answer of the last request that was answered, and what isn't answered or not
 * even sent yet. `asked` is the prompt of a request that is sent now. Until an answer has ended, its prompt is a sum of
 * parts, without what the chat's format puts between them.
 */
function occupancy() {
  const turns = conversation.kept;
  const answered = turns.findLastIndex((turn) => turn.role === "assistant" && (turn.text || !turn.end));
  const usage = turns[answered]?.usage ?? { prompt: 0, answer: 0, isExact: true };
  const parts = [];
  for (const turn of turns.slice(answered + 1)) {
    if (turn.role === "user") parts.push(...turn.files, { count: estimate(turn.text), isExact: false });
  }
  const waiting = sum(parts);
  const { text, files } = conversation.draft;
  const draft = sum([...files, counted.draft.text === text ? counted.draft : { count: estimate(text), isExact: false }]);
  // The system prompt is part of the first prompt.
  const system = answered < 0 && waiting.count + draft.count > 0 ? counted.system.count : 0;
  const asked = usage.prompt + usage.answer + system + waiting.count;
  return {
    ...usage, asked, unsent: system + waiting.count + draft.count, total: asked + draft.count,
    isExact: usage.isExact && waiting.isExact && draft.isExact,
  };
}

function showContext() {
  const section = document.getElementById("context");
  section.hidden = !info;
  if (!info) return;
  const { prompt, answer, unsent, total, isExact } = occupancy();
  const { capacity, trained_context: trained, attention } = info;
  const window = attention.neighbor_window;
  const grouped = window ? Math.max(0, Math.min(total, capacity) - window) : 0;
  section.classList.toggle("full", total >= capacity);

  const bar = document.getElementById("bar");
  const place = (name, from, to) => {
    const part = bar.querySelector(`.${name}`);
    part.hidden = from >= capacity || to <= from;
    part.style.left = `${(100 * from) / capacity}%`;
    part.style.width = `${(100 * (Math.min(to, capacity) - from)) / capacity}%`;
  };
  place("prompt", 0, prompt);
  place("answer", prompt, prompt + answer);
  place("unsent", prompt + answer, total);
  place("grouped", 0, grouped);
  const mark = (name, at, isShown) => {
    const part = bar.querySelector(`.${name}`);
    part.hidden = !isShown;
    part.style.left = `${(100 * at) / capacity}%`;
  };
  mark("edge", grouped, grouped > 0);
  mark("trained", trained, trained < capacity);

  const items = [[null, `${inTokens(total, isExact)} of ${numbers.format(capacity)}`]];
  if (total > capacity) items.push([null, `${inTokens(total - capacity, isExact)} too many`]);
  if (prompt) items.push(["prompt", `prompt ${numbers.format(prompt)}`]);
  if (answer) items.push(["answer", `answer ${numbers.format(answer)}`]);
  if (unsent) items.push(["unsent", `not sent ${numbers.format(unsent)}`]);
  if (grouped) {
    items.push(["grouped", `first ${numbers.format(grouped)}: positions in groups of ${attention.group_size}`]);
    items.push(["edge", `last ${numbers.format(window)}: exact positions`]);
  } else if (window) {
    items.push([null, `exact positions up to ${inTokens(window)}, beyond them groups of ${attention.group_size}`]);
  }
  if (trained < capacity) items.push(["trained", `trained for ${numbers.format(trained)}`]);
  bar.setAttribute("aria-valuemax", capacity);
  bar.setAttribute("aria-valuenow", Math.min(total, capacity));
  bar.setAttribute("aria-valuetext", items.map(([, words]) => words).join("; "));
  document.getElementById("legend").replaceChildren(
    ...items.map(([name, words], index) => {
      const key = name ? [element("i", { className: name, ariaHidden: "true" })] : [];
      return element("span", {}, ...key, index === 0 ? element("strong", {}, words) : words);
    }),
  );
}
