// The conversation, what is written and not sent, and the settings. All of it survives a reload.
//
// A turn of the user: {role: "user", text, files: [{name, text, count, isExact}]}.
// A turn of the model: {role: "assistant", text, usage: {prompt, answer, reused, isExact}, end, problem, first, rate}.
//   end: null while it is written, "stop" or "length" as the server says, "stopped" by the user, or "failed".
//   problem: why it failed, in sentences.
//   first: seconds to the first token; rate: tokens per second after it.

function stored(storage, name) {
  try {
    return storage.getItem(name);
  } catch {
    return null;
  }
}

/** False where the browser has no room, or doesn't keep anything. */
function store(storage, name, value) {
  try {
    if (value === null) storage.removeItem(name);
    else storage.setItem(name, value);
    return true;
  } catch {
    return false;
  }
}

const conversation = {
  turns: [],
  draft: { text: "", files: [] },
  /** Where the user's turn is that is being edited, with the draft from before; nothing is lost until it is sent. */
  editing: null,

  /** The turns that the next message comes after. */
  get kept() {
    return this.editing ? this.turns.slice(0, this.editing.index) : this.turns;
  },

  get lastQuestion() {
    return this.turns.findLastIndex((turn) => turn.role === "user");
  },

  restore() {
    try {
      Object.assign(this, JSON.parse(stored(localStorage, "longlm.conversation") ?? "{}"));
    } catch {
      // What isn't readable is as good as nothing.
    }
    for (const file of [this.draft, ...this.turns].flatMap(({ files }) => files ?? [])) {
      file.count ??= estimate(file.text);
    }
    for (const turn of this.turns) {
      if (turn.role !== "assistant" || turn.end) continue;
      turn.end = "failed";
      turn.problem = "The page was reloaded before the answer had ended.";
    }
  },

  /** False if the browser couldn't keep it. */
  save() {
    const { turns, draft, editing } = this;
    return store(localStorage, "longlm.conversation", JSON.stringify({ turns, draft, editing }));
  },

  /** Moves the draft to the end of the turns. */
  send() {
    this.turns = this.kept;
    this.removeEmptyAnswer();
    const { text, files } = this.draft;
    const last = this.turns.at(-1);
    // A question that got no answer, and the next one, are one turn: roles alternate in a chat.
    if (last?.role === "user") {
      last.text = [last.text, text].filter(Boolean).join("\n\n");
      last.files.push(...files);
    } else {
      this.turns.push({ role: "user", text, files });
    }
    this.draft = this.editing?.draft ?? { text: "", files: [] };
    this.editing = null;
  },

  /** Takes a last answer out that has no words. */
  removeEmptyAnswer() {
    const last = this.turns.at(-1);
    if (last?.role === "assistant" && !last.text) this.turns.pop();
  },

  edit() {
    const index = this.lastQuestion;
    const { text, files } = this.turns[index];
    this.editing = { index, draft: this.draft };
    this.draft = { text, files: [...files] };
  },

  stopEditing() {
    this.draft = this.editing.draft;
    this.editing = null;
  },
};

/** A user's turn as the model reads it: files first, then the words. */
function wording(turn) {
  const files = turn.files.map((file) => (info.chat ? `File ${file.name}:\n\n${file.text}` : file.text));
  return [...files, turn.text].filter(Boolean).join("\n\n");
}

/** The address and body of the request that asks for the next turn. */
function request(turns) {
  const body = { model: info.model, ...settings.fields };
  if (!info.chat) {
    body.max_tokens ??= Math.max(1, Math.min(200, info.answer_limit, Math.floor(info.capacity / 4)));
    const prompt = turns.map((turn) => (turn.role === "user" ? wording(turn) : turn.text)).join("");
    return ["v1/completions", { ...body, prompt }];
  }
  const messages = turns.map((turn) => ({
    role: turn.role, content: turn.role === "user" ? wording(turn) : turn.text,
  }));
  if (settings.system) messages.unshift({ role: "system", content: settings.system });
  return ["v1/chat/completions", { ...body, messages }];
}

const settings = {
  form: document.getElementById("settings-form"),

  get isValid() {
    return this.form.checkValidity();
  },

  get system() {
    return info.chat ? this.form.elements.system.value.trim() : "";
  },

  /** The numbers that were filled in. */
  get fields() {
    const fields = {};
    for (const input of this.form.querySelectorAll("input")) {
      if (input.value !== "") fields[input.name] = Number(input.value);
    }
    return fields;
  },

  restore() {
    try {
      const values = JSON.parse(stored(localStorage, "longlm.settings") ?? "{}");
      for (const [name, value] of Object.entries(values)) {
        if (this.form.elements[name]) this.form.elements[name].value = value;
      }
    } catch {
      // As above.
    }
  },

  save() {
    store(localStorage, "longlm.settings", JSON.stringify(Object.fromEntries(new FormData(this.form))));
  },
};
