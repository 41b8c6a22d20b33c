// Shows a step's log, however long. Of a log only the lines in sight are in
// the document; they are fetched in pieces by line number, so a log of a
// gigabyte opens as fast as a small one. All text is set as text, never as
// HTML; colours become classes.

const PIECE = 128 * 1024; // bytes asked for at once
const KEEP = 20_000; // lines kept in memory
const MAX_COLUMNS = 4000; // characters shown of one line
const MAX_SPANS = 200; // runs of colour in one line
const MAX_PIXELS = 6_000_000; // browsers cannot make elements much taller
const TAIL_PAUSE = 300; // ms between two looks at the end
const POLL = 3000; // ms, should the event stream be away

const views = new Map(); // by element

class LogView {
  constructor(box) {
    this.box = box;
    this.url = box.dataset.log;
    this.step = box.dataset.step;
    this.lines = new Map(); // number -> {text, bytes, more}
    this.total = 0; // lines, the unfinished last one included
    this.whole = 0; // lines that are finished
    this.top = 0; // first line in sight, with a fraction
    this.seen = 0; // scroller.scrollTop when last looked at
    this.mark = -1; // the line that the URL points to
    this.busy = false;
    this.build();
    this.follow.checked = this.live;
    this.start();
  }

  get details() { return this.box.closest("details"); }
  get live() { return this.details?.dataset.state === "running"; }

  build() {
    const make = (tag, attrs, ...children) => {
      const e = document.createElement(tag);
      for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
      e.append(...children);
      return e;
    };
    this.follow = make("input", { type: "checkbox" });
    this.jump = make("input", { type: "text", inputmode: "numeric", size: "8", "aria-label": "Go to line", placeholder: "line" });
    const first = make("button", { type: "button" }, "Start");
    const end = make("button", { type: "button" }, "End");
    this.count = make("span", { class: "quiet" });
    const raw = make("a", { href: this.url + "/raw" }, "Whole log as text");
    const bar = make("div", { class: "log-bar" }, make("label", {}, this.follow, " Follow"), first, end, this.jump,
      make("span", { class: "spacer" }), this.count, raw);
    this.rows = make("div", { class: "log-rows" });
    this.sizer = make("div", { class: "log-sizer" }, this.rows);
    this.scroller = make("div", { class: "log-view", tabindex: "0", role: "region", "aria-label": "Log" }, this.sizer);
    this.box.replaceChildren(bar, this.scroller);
    const probe = make("div", { class: "log-row" }, "0");
    this.rows.append(probe);
    this.height = probe.getBoundingClientRect().height || 20;
    probe.remove();

    this.scroller.addEventListener("scroll", () => this.scrolled());
    this.follow.addEventListener("change", () => this.follow.checked && this.toEnd());
    first.addEventListener("click", () => { this.follow.checked = false; this.setTop(0); });
    end.addEventListener("click", () => this.toEnd());
    this.jump.addEventListener("change", () => {
      const n = parseInt(this.jump.value.replace(/\D/g, ""), 10);
      if (n > 0) history.replaceState(null, "", `#step-${this.step}-L${n}`), this.goto(n - 1);
    });
    this.resizer = new ResizeObserver(() => this.render());
    this.resizer.observe(this.scroller);
  }

  async start() {
    const [step, line] = fragment();
    await this.fetch(-1); // how long is it?
    if (step === this.step && line >= 0) this.goto(line);
    else this.toEnd();
  }

  // --- where we are -----------------------------------------------------

  get room() { return this.scroller.clientHeight || 400; }
  get maxTop() { return Math.max(0, this.total - Math.floor(this.room / this.height)); }
  get scaled() { return this.total * this.height > MAX_PIXELS; }

  layout() {
    const px = Math.max(1, Math.min(this.total * this.height, MAX_PIXELS));
    this.sizer.style.height = `${px}px`;
    this.box.style.setProperty("--digits", String(this.total).length);
    const unfinished = this.live ? " so far" : "";
    this.count.textContent = `${this.total.toLocaleString("en")} ${this.total === 1 ? "line" : "lines"}${unfinished}`;
  }

  setTop(top) {
    this.layout();
    this.top = Math.max(0, Math.min(top, this.maxTop));
    const range = this.sizer.offsetHeight - this.room;
    this.scroller.scrollTop = this.scaled ? (this.top / Math.max(1, this.maxTop)) * range : this.top * this.height;
    this.seen = this.scroller.scrollTop;
    this.render();
  }

  // A long log does not fit into a scroll bar pixel by pixel. Small movements
  // are taken as what they are; large ones as a place in the whole.
  scrolled() {
    const at = this.scroller.scrollTop;
    const moved = at - this.seen;
    if (moved === 0) return this.render();
    this.seen = at;
    const range = this.sizer.offsetHeight - this.room;
    if (!this.scaled) this.top = at / this.height;
    else if (at <= 0) this.top = 0;
    else if (at >= range - 1) this.top = this.maxTop;
    else if (Math.abs(moved) < 2 * this.room) this.top += moved / this.height;
    else this.top = (at / range) * this.maxTop;
    this.top = Math.max(0, Math.min(this.top, this.maxTop));
    this.follow.checked = this.live && this.top >= this.maxTop - 1;
    this.render();
  }

  toEnd() {
    if (this.live) this.follow.checked = true;
    this.setTop(this.maxTop);
  }

  goto(line) {
    this.follow.checked = false;
    this.mark = Math.min(line, Math.max(0, this.total - 1));
    this.setTop(this.mark - Math.floor(this.room / this.height / 3));
  }

  // --- what there is ----------------------------------------------------

  // fetch asks for a piece from a line on and takes it in.
  async fetch(line) {
    let piece;
    try {
      const answer = await fetch(`${this.url}?line=${line}&bytes=${PIECE}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      piece = await answer.json();
    } catch {
      this.count.textContent = "the log cannot be reached; trying again";
      return null;
    }
    if (this.lines.size > KEEP) this.forget();
    this.whole = Math.max(this.whole, piece.lines);
    this.total = Math.max(this.total, this.whole);
    const texts = piece.text.split("\n");
    const rest = texts.pop(); // behind the last newline
    let n = piece.first_line;
    for (const text of texts) this.lines.set(n++, { text: text.slice(0, 4 * MAX_COLUMNS), bytes: text.length });
    if (rest !== "") {
      if (piece.next_line >= piece.lines) { // the last line, not finished yet
        this.lines.set(n, { text: rest.slice(0, 4 * MAX_COLUMNS), bytes: rest.length });
        this.total = Math.max(this.total, n + 1);
      } else if (texts.length === 0) { // one line, longer than a piece
        this.lines.set(n, { text: rest.slice(0, 4 * MAX_COLUMNS), bytes: rest.length, more: true });
      }
    }
    return piece;
  }

  forget() {
    for (const n of this.lines.keys()) {
      if (Math.abs(n - this.top) > 2000) this.lines.delete(n);
    }
  }

  // fill fetches what is in sight and missing, one piece at a time.
  async fill(missing) {
    if (this.busy) return;
    this.busy = true;
    // Going upwards, take some lines above along.
    const from = this.lines.has(missing + 1) || this.lines.has(missing + 5) ? Math.max(0, missing - 300) : missing;
    let piece = await this.fetch(from);
    if (piece && from !== missing && !this.lines.has(missing)) piece = await this.fetch(missing);
    if (piece && !this.lines.has(missing)) this.lines.set(missing, { text: "", bytes: 0 });
    this.busy = false;
    if (piece) { this.layout(); this.render(); } else setTimeout(() => this.render(), POLL);
  }

  // tail looks what has come at the end.
  async tail() {
    if (this.busy || !this.details?.open) return;
    this.busy = true;
    const from = this.follow.checked && this.total - this.whole <= 1 ? this.whole : -1;
    let piece = await this.fetch(from);
    if (piece && this.follow.checked && piece.next_line < piece.lines) piece = await this.fetch(-500);
    this.busy = false;
    if (!piece) return;
    if (this.follow.checked) this.setTop(this.maxTop);
    else { this.layout(); this.render(); }
  }

  // --- drawing ----------------------------------------------------------

  render() {
    if (!this.box.isConnected || this.scroller.clientHeight === 0) return;
    const first = Math.floor(this.top);
    const n = Math.min(Math.ceil(this.room / this.height) + 1, Math.max(0, this.total - first));
    while (this.rows.childElementCount > n) this.rows.lastElementChild.remove();
    while (this.rows.childElementCount < n) this.rows.append(newRow());
    let missing = -1;
    let i = 0;
    for (const row of this.rows.children) {
      const number = first + i++;
      const line = this.lines.get(number);
      if (!line && missing < 0) missing = number;
      drawRow(row, number, line, this.step, number === this.mark);
    }
    const at = this.scroller.scrollTop - (this.top - first) * this.height;
    this.rows.style.transform = `translateY(${Math.max(0, Math.min(at, this.sizer.offsetHeight - n * this.height))}px)`;
    if (missing >= 0) this.fill(missing);
  }
}

function newRow() {
  const row = document.createElement("div");
  row.className = "log-row";
  const number = document.createElement("a");
  number.className = "log-n";
  const text = document.createElement("span");
  text.className = "log-t";
  row.append(number, text);
  return row;
}

function drawRow(row, number, line, step, marked) {
  row.classList.toggle("is-marked", marked);
  const [anchor, text] = row.children;
  anchor.textContent = String(number + 1);
  anchor.href = `#step-${step}-L${number + 1}`;
  if (row.line === line && line) return;
  row.line = line;
  text.replaceChildren();
  if (!line) { text.textContent = "…"; return; }
  paint(text, line.text);
  if (line.more || line.bytes > MAX_COLUMNS) {
    const cut = document.createElement("span");
    cut.className = "log-cut";
    cut.textContent = ` … line is ${line.more ? "more than " : ""}${line.bytes.toLocaleString("en")} bytes`;
    text.append(cut);
  }
}

// --- escape sequences ---------------------------------------------------

const sequence = /\x1b(?:\[([0-?]*)[ -\/]*([@-~])|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[^\[\]PX^_]|$)/y;
const hidden = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

function show(c) {
  const code = c.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}

// paint writes text into element: runs of equal style, each a span.
function paint(element, text) {
  text = text.replace(/\r+$/, "");
  const back = text.lastIndexOf("\r");
  if (back >= 0) text = text.slice(back + 1); // what came before is overwritten
  let style = { fg: -1, bg: -1, bold: false, faint: false, italic: false, under: false };
  let spans = 0;
  let columns = 0;
  const put = (run) => {
    if (run === "" || columns >= MAX_COLUMNS) return;
    run = run.slice(0, MAX_COLUMNS - columns);
    columns += run.length;
    run = run.replace(hidden, show);
    const names = classes(style);
    if (names === "" || ++spans > MAX_SPANS) { element.append(run); return; }
    const span = document.createElement("span");
    span.className = names;
    span.textContent = run;
    element.append(span);
  };
  let at = 0;
  while (at < text.length) {
    const esc = text.indexOf("\x1b", at);
    if (esc < 0) break;
    put(text.slice(at, esc));
    sequence.lastIndex = esc;
    const found = sequence.exec(text);
    if (!found) { at = esc + 1; continue; }
    if (found[2] === "m") style = sgr(style, found[1]);
    at = sequence.lastIndex;
  }
  put(text.slice(at));
}

function classes(s) {
  const names = [];
  if (s.fg >= 0) names.push(`fg${s.fg}`);
  if (s.bg >= 0) names.push(`bg${s.bg}`);
  if (s.bold) names.push("bold");
  if (s.faint) names.push("faint");
  if (s.italic) names.push("italic");
  if (s.under) names.push("under");
  return names.join(" ");
}

// sgr applies "select graphic rendition". Of the larger palettes only the
// first sixteen colours are shown; the others could be unreadable.
function sgr(old, params) {
  const s = { ...old };
  const codes = params.split(/[;:]/).map((p) => parseInt(p || "0", 10));
  for (let i = 0; i < codes.length && i < 32; i++) {
    const c = codes[i];
    if (c === 0) Object.assign(s, { fg: -1, bg: -1, bold: false, faint: false, italic: false, under: false });
    else if (c === 1) s.bold = true;
    else if (c === 2) s.faint = true;
    else if (c === 3) s.italic = true;
    else if (c === 4) s.under = true;
    else if (c === 22) s.bold = s.faint = false;
    else if (c === 23) s.italic = false;
    else if (c === 24) s.under = false;
    else if (c >= 30 && c <= 37) s.fg = c - 30;
    else if (c === 39) s.fg = -1;
    else if (c >= 40 && c <= 47) s.bg = c - 40;
    else if (c === 49) s.bg = -1;
    else if (c >= 90 && c <= 97) s.fg = c - 82;
    else if (c >= 100 && c <= 107) s.bg = c - 92;
    else if (c === 38 || c === 48) {
      const index = codes[i + 1] === 5 ? codes[i + 2] : -1;
      s[c === 38 ? "fg" : "bg"] = index >= 0 && index < 16 ? index : -1;
      i += codes[i + 1] === 5 ? 2 : 4;
    }
  }
  return s;
}

// --- the page -----------------------------------------------------------

// fragment reads "#step-2-L1234" as ["2", 1233].
function fragment() {
  const found = /^#step-(\d+)(?:-L(\d+))?$/.exec(location.hash);
  return found ? [found[1], found[2] ? parseInt(found[2], 10) - 1 : -1] : ["", -1];
}

// attach starts a view for each open step, and ends those that are gone.
function attach() {
  for (const [box, view] of views) {
    if (!box.isConnected) { view.resizer.disconnect(); views.delete(box); }
  }
  for (const box of document.querySelectorAll("details[open] > .log")) {
    if (!views.has(box)) views.set(box, new LogView(box));
  }
}

function followHash() {
  const [step, line] = fragment();
  const details = step && document.getElementById(`step-${step}`);
  if (!details) return;
  details.open = true;
  const known = views.get(details.querySelector(".log"));
  attach();
  if (known && line >= 0) known.goto(line);
  if (line >= 0) details.scrollIntoView({ block: "nearest" });
}

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.step")) attach();
}, true);
addEventListener("hashchange", followHash);

// When the next step starts and the reader follows, open it for him.
let running = document.querySelector("details.step[data-state=running]")?.id;
document.addEventListener("htmx:after:swap", () => {
  const now = document.querySelector("details.step[data-state=running]");
  if (now && now.id !== running) {
    const before = running && document.getElementById(running);
    const view = before && views.get(before.querySelector(".log"));
    if (!before || view?.follow.checked) now.open = true;
    running = now.id;
  }
  attach();
  for (const view of views.values()) view.tail();
});

let looking = 0;
function look() {
  if (looking) return;
  looking = setTimeout(() => {
    looking = 0;
    for (const view of views.values()) if (view.live) view.tail();
  }, TAIL_PAUSE);
}
document.addEventListener("log", look);
setInterval(() => { if (!document.hidden) look(); }, POLL);

followHash();
attach();
