// Shows a step's log, however long. Of a log only the lines in sight are in
// the document; they are fetched in pieces by line number, so a log of a
// gigabyte opens as fast as a small one. All text is set as text, never as
// HTML; colours become classes.
//
// Lines are numbered from 0. A row is a line that is not folded away: what is
// scrolled is rows, what is fetched, linked and searched is lines.

const PIECE = 128 * 1024; // bytes asked for at once
const KEEP = 4 << 20; // characters kept in memory
const END_LINES = 500; // lines of the end that are asked for at once
const NEAR = 1500; // lines around those in sight that are kept then
const MAX_COLUMNS = 4000; // characters shown of one line
const MAX_SPANS = 200; // runs of colour in one line
const MAX_PIXELS = 6_000_000; // browsers cannot make elements much taller
const TAIL_PAUSE = 150; // ms between two looks at the end; the first after a quiet time is at once
const POLL = 3000; // ms, should the event stream be away
const HITS = 500; // matches asked for at once
const MAX_HITS = 10_000;
const FOLDABLE = 64 << 20; // bytes of a log that is looked through for sections unasked
const FOLD_PAUSE = 10_000; // ms between two looks for sections of a growing log

const views = new Map(); // by element

const make = (tag, attrs, ...children) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
  e.append(...children);
  return e;
};
const button = (text, title, click) => {
  const b = make("button", { type: "button", title }, text);
  b.addEventListener("click", click);
  return b;
};

class LogView {
  constructor(box) {
    this.box = box;
    this.url = box.dataset.log;
    this.step = box.dataset.step;
    this.lines = new Map(); // number -> {text, bytes, more, at}
    this.held = 0; // characters in lines, about
    this.total = 0; // lines, the unfinished last one included
    this.whole = 0; // lines that are finished
    this.bytes = 0;
    this.top = 0; // first row in sight, with a fraction
    this.seen = 0; // scroller.scrollTop when last looked at
    this.mark = [-1, -1]; // the lines that the URL points to
    this.busy = false;
    this.behind = false; // something has come while it was busy
    this.sections = new Map(); // by first line
    this.wishes = new Map(); // first line -> folded, as somebody wanted it
    this.folds = []; // {from, to, row, hidden}, in order
    this.hidden = 0; // lines folded away
    this.folded = 0; // when sections were last looked for
    this.hits = { lines: [], at: -1, next: 0, done: true, text: "" };
    this.build();
    this.follow.checked = this.live;
    this.start();
  }

  get details() { return this.box.closest("details"); }
  get state() { return this.details?.dataset.state; }
  get live() { return this.state === "running"; }

  build() {
    this.follow = make("input", { type: "checkbox" });
    this.following = make("label", {}, this.follow, " Follow");
    this.times = make("input", { type: "checkbox" });
    this.jump = make("input", { type: "text", inputmode: "numeric", size: "7", "aria-label": "Go to line", placeholder: "line" });
    this.find = make("input", { type: "search", size: "14", "aria-label": "Search the log", placeholder: "search or /regex/",
      title: "Capitals count if there are any. Enter: next, Shift+Enter: previous" });
    this.where = make("span", { class: "quiet log-where", role: "status" });
    this.count = make("span", { class: "quiet" });
    const bar = make("div", { class: "log-bar" }, this.following,
      button("Start", "Go to the first line", () => { this.follow.checked = false; this.setTop(0); }),
      button("End", "Go to the last line", () => this.toEnd()), this.jump,
      make("span", { class: "log-find" }, this.find, button("↑", "Previous match", () => this.seek(-1)), button("↓", "Next match", () => this.seek(1)), this.where),
      make("span", { class: "spacer" }), this.count, make("label", {}, this.times, " Times"),
      make("a", { href: `${this.url}/raw` }, "Raw"), make("a", { href: `${this.url}/raw?download=true` }, "Download"));
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
    this.times.addEventListener("change", () => { this.lines.clear(); this.held = 0; this.render(); });
    this.jump.addEventListener("change", () => {
      const n = parseInt(this.jump.value.replace(/\D/g, ""), 10);
      if (n > 0) history.replaceState(null, "", `#step-${this.step}-L${n}`), this.goto(n - 1, n - 1);
    });
    this.find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); this.seek(event.shiftKey ? -1 : 1); }
    });
    this.find.addEventListener("search", () => this.find.value === "" && this.seek(0)); // cleared
    this.rows.addEventListener("click", (event) => {
      const fold = event.target.closest(".log-fold");
      if (fold) return this.toggle(Number(fold.dataset.line));
      const anchor = event.target.closest(".log-n");
      if (anchor && event.shiftKey && this.mark[0] >= 0) { // a range
        event.preventDefault();
        const n = Number(anchor.textContent) - 1;
        const [a, b] = [Math.min(n, this.mark[0]), Math.max(n, this.mark[0])];
        history.replaceState(null, "", `#step-${this.step}-L${a + 1}-L${b + 1}`);
        this.goto(a, b);
      }
    });
    this.resizer = new ResizeObserver(() => this.render());
    this.resizer.observe(this.scroller);
  }

  // start shows what is worth seeing, with one question: the page has said how
  // long the log is, so its first lines need no other.
  async start() {
    const end = !this.link() && (this.live || this.state === "failed" || this.state === "killed");
    const { lines, bytes } = this.box.dataset;
    if (lines && !this.live) { this.total = this.whole = Number(lines); this.bytes = Number(bytes); }
    const asked = end ? this.fetch(-END_LINES) : this.total === 0 || this.link() ? this.fetch(-1) : null;
    await Promise.all([asked, this.live ? null : this.fold()]);
    const link = this.link(); // by now
    if (link) this.goto(...link);
    else if (end) this.toEnd();
    else this.setTop(0);
    if (this.live) this.fold();
  }

  // link is which lines of this log the URL points to; null if it does not.
  link() {
    const [step, first, last] = fragment();
    return first >= 0 && (step === this.step || step === "" && views.values().next().value === this) ? [first, last] : null;
  }

  // --- where we are -----------------------------------------------------

  get room() { return this.scroller.clientHeight || 400; }
  get shown() { return Math.max(0, this.total - this.hidden); } // rows
  get maxTop() { return Math.max(0, this.shown - Math.floor(this.room / this.height)); }
  get scaled() { return this.shown * this.height > MAX_PIXELS; }

  layout() {
    const px = Math.max(1, Math.min(this.shown * this.height, MAX_PIXELS));
    this.sizer.style.height = `${px}px`;
    this.box.style.setProperty("--digits", String(this.total).length);
    this.following.hidden = !this.live;
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

  // goto marks lines and brings the first one into sight.
  goto(first, last) {
    const end = Math.max(0, this.total - 1);
    this.mark = [Math.min(first, end), Math.min(last, end)];
    this.reveal(this.mark[0]);
  }

  reveal(line) {
    this.follow.checked = false;
    let opened = false;
    for (const s of this.sections.values()) {
      if (s.closed && s.first_line < line && line <= s.last_line) { s.closed = false; this.wishes.set(s.first_line, false); opened = true; }
    }
    if (opened) this.refold();
    const row = this.rowOf(line);
    const visible = row >= this.top && row < this.top + Math.floor(this.room / this.height) - 1;
    this.setTop(visible ? this.top : row - Math.floor(this.room / this.height / 3));
  }

  // --- folding ----------------------------------------------------------

  // fold asks what the log can be folded by.
  async fold() {
    if (this.bytes > (this.live ? FOLDABLE / 4 : FOLDABLE) || this.bytes === this.foldedBytes || Date.now() - this.folded < FOLD_PAUSE) return;
    this.folded = Date.now();
    this.foldedBytes = this.bytes;
    let list;
    try {
      const answer = await fetch(`${this.url}/sections`, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      list = (await answer.json()).sections;
    } catch { return; } // the log is read without them
    const known = this.sections;
    this.sections = new Map();
    for (const s of list) {
      // Open is what a person opened, what was open, and where the log ends.
      const open = s.open || this.live || s.last_line >= this.total - 1;
      s.closed = this.wishes.get(s.first_line) ?? known.get(s.first_line)?.closed ?? !open;
      this.sections.set(s.first_line, s);
    }
    const line = this.lineOf(Math.floor(this.top));
    this.refold();
    this.setTop(this.follow.checked ? this.maxTop : this.rowOf(line));
  }

  // refold works out which lines are hidden.
  refold() {
    this.folds = [];
    this.hidden = 0;
    for (const s of this.sections.values()) { // in order of lines
      const before = this.folds.at(-1);
      const from = Math.max(s.first_line + 1, before ? before.to + 1 : 0);
      if (!s.closed || s.last_line < from) continue;
      const fold = { from, to: s.last_line, row: from - this.hidden };
      this.hidden += fold.to - fold.from + 1;
      fold.hidden = this.hidden;
      this.folds.push(fold);
    }
  }

  toggle(first) {
    const s = this.sections.get(first);
    if (!s) return;
    const row = this.rowOf(first) - this.top;
    s.closed = !s.closed;
    this.wishes.set(first, s.closed);
    this.follow.checked = false;
    this.refold();
    for (const r of this.rows.children) r.line = null; // its heading says how much is folded
    this.setTop(this.rowOf(first) - row);
  }

  // before finds the last fold that fits, by bisection.
  before(fits) {
    let low = 0, high = this.folds.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (fits(this.folds[mid])) low = mid + 1; else high = mid;
    }
    return this.folds[low - 1];
  }

  lineOf(row) { return row + (this.before((f) => f.row <= row)?.hidden ?? 0); }

  rowOf(line) {
    const f = this.before((f) => f.from <= line);
    if (!f) return line;
    return line <= f.to ? f.row - 1 : line - f.hidden;
  }

  // --- searching --------------------------------------------------------

  // seek goes to the next match (1), the one before (-1), or forgets all (0).
  async seek(way) {
    const text = this.find.value;
    const h = this.hits;
    if (text === "" || way === 0) {
      this.hits = { lines: [], at: -1, next: 0, done: true, text: "" };
      this.where.textContent = "";
      return this.redraw();
    }
    if (text !== h.text) {
      this.hits = { lines: [], at: -1, next: 0, done: false, text, total: 0, counted: false };
      if (!await this.more(this.hits)) return;
      if (!this.hits.done) this.tally(this.hits);
      const here = this.lineOf(Math.floor(this.top));
      const near = this.hits.lines.findIndex((n) => n >= here);
      this.hits.at = Math.max(0, near);
    } else {
      if (h.at + way >= h.lines.length && !h.done && !await this.more(h)) return;
      h.at = (h.at + way + h.lines.length) % Math.max(1, h.lines.length);
    }
    const { lines, at } = this.hits;
    this.place();
    this.redraw();
    if (lines.length > 0) this.reveal(lines[at]);
  }

  // place says which match this is, and of how many.
  place() {
    const { lines, at, done, total, counted } = this.hits;
    if (lines.length === 0) { this.where.textContent = "not found"; return; }
    const known = Math.max(total, lines.length);
    this.where.textContent = `${(at + 1).toLocaleString("en")} of ${known.toLocaleString("en")}${done || counted ? "" : "+"}`;
  }

  // tally counts the matches behind those that were fetched, while the reader
  // looks at the first.
  async tally(h) {
    let from = h.next, total = h.lines.length;
    while (this.hits === h && !h.done && !h.counted) {
      const query = this.question(h);
      query.set("limit", "1");
      query.set("count", "true");
      query.set("from", from);
      let found;
      try {
        const answer = await fetch(`${this.url}/search?${query}`, { headers: { Accept: "application/json" } });
        if (!answer.ok) return;
        found = await answer.json();
      } catch { return; }
      if (this.hits !== h) return;
      total += found.total;
      h.total = total;
      h.counted = found.done;
      if (!found.done && found.next <= from) return;
      from = found.next;
      this.place();
    }
  }

  // question is what is asked for when something is searched for.
  question(h) {
    const [, expression] = /^\/(.+)\/$/.exec(h.text) ?? [];
    const query = new URLSearchParams({ q: expression ?? h.text });
    if (expression) query.set("regex", "true");
    if (h.text === h.text.toLowerCase()) query.set("ignore_case", "true");
    return query;
  }

  // more fetches the next matches; false if somebody searches for something else by now.
  async more(h) {
    const query = this.question(h);
    query.set("limit", HITS);
    for (let known = h.lines.length; !h.done && h.lines.length === known;) {
      this.where.textContent = "searching …";
      query.set("from", h.next);
      let found, problem = "the search failed";
      try {
        const answer = await fetch(`${this.url}/search?${query}`, { headers: { Accept: "application/json" } });
        found = await answer.json();
        if (!answer.ok) { problem = found.detail ?? problem; found = null; }
      } catch { found = null; }
      if (this.hits !== h) return false;
      if (!found) { h.text = ""; this.where.textContent = problem; return false; }
      for (const m of found.matches) if (m.line !== h.lines.at(-1)) h.lines.push(m.line);
      h.next = found.next;
      h.done = found.done || h.lines.length >= MAX_HITS;
      if (found.matches.length === HITS) h.done = h.lines.length >= MAX_HITS;
    }
    return true;
  }

  redraw() {
    for (const r of this.rows.children) r.line = null;
    this.render();
  }

  // --- what there is ----------------------------------------------------

  // fetch asks for a piece from a line on and takes it in.
  async fetch(line) {
    let piece;
    const times = this.times.checked;
    try {
      const answer = await fetch(`${this.url}?line=${line}&bytes=${PIECE}${times ? "&times=true" : ""}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      piece = await answer.json();
    } catch {
      this.count.textContent = "the log cannot be reached; trying again";
      return null;
    }
    if (times !== this.times.checked) return this.fetch(line);
    this.held += piece.text.length;
    if (this.held > KEEP) this.forget();
    // Of a log that has ended the answer knows better than the page.
    if (!this.live && piece.lines < this.whole) this.whole = this.total = piece.lines;
    this.whole = Math.max(this.whole, piece.lines);
    this.total = Math.max(this.total, this.whole);
    this.bytes = Math.max(this.bytes, piece.bytes);
    const texts = piece.text.split("\n");
    const rest = texts.pop(); // behind the last newline
    let n = piece.first_line;
    let entry = -1;
    const set = (text, more) => {
      while (piece.times?.[entry + 1]?.line <= n) entry++;
      this.lines.set(n, { text: text.slice(0, 4 * MAX_COLUMNS), bytes: text.length, more, at: piece.times?.[entry]?.at });
    };
    for (const text of texts) { set(text, false); n++; }
    if (rest !== "") {
      if (piece.next_line >= piece.lines) { // the last line, not finished yet
        set(rest, false);
        this.total = Math.max(this.total, n + 1);
      } else if (texts.length === 0) set(rest, true); // one line, longer than a piece
    }
    return piece;
  }

  forget() {
    const here = this.lineOf(Math.floor(this.top));
    this.held = 0;
    for (const [n, line] of this.lines) {
      if (Math.abs(n - here) > NEAR) this.lines.delete(n);
      else this.held += line.text.length;
    }
    if (this.held > KEEP) { this.lines.clear(); this.held = 0; }
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
    if (this.behind) look();
    if (piece) { this.layout(); this.render(); } else setTimeout(() => this.render(), POLL);
  }

  // tail looks what has come at the end.
  async tail() {
    if (!this.details?.open) return;
    if (this.busy) { this.behind = true; return; } // what is being fetched may be older than what there is to see
    this.busy = true;
    this.behind = false;
    const from = this.follow.checked && this.total - this.whole <= 1 ? this.whole : -1;
    let piece = await this.fetch(from);
    if (piece && this.follow.checked && piece.next_line < piece.lines) piece = await this.fetch(-END_LINES);
    this.busy = false;
    if (!piece) return;
    if (this.follow.checked) this.setTop(this.maxTop);
    else { this.layout(); this.render(); }
    if (this.behind) look();
    this.fold();
  }

  // --- drawing ----------------------------------------------------------

  render() {
    if (!this.box.isConnected || this.scroller.clientHeight === 0) return;
    const first = Math.floor(this.top);
    const n = Math.min(Math.ceil(this.room / this.height) + 1, Math.max(0, this.shown - first));
    while (this.rows.childElementCount > n) this.rows.lastElementChild.remove();
    while (this.rows.childElementCount < n) this.rows.append(newRow());
    const hit = this.hits.lines[this.hits.at];
    let missing = -1;
    let i = 0;
    this.rows.classList.toggle("has-times", this.times.checked);
    this.rows.classList.toggle("has-folds", this.sections.size > 0);
    for (const row of this.rows.children) {
      const number = this.lineOf(first + i++);
      const line = this.lines.get(number);
      if (!line && missing < 0) missing = number;
      row.classList.toggle("is-marked", number >= this.mark[0] && number <= this.mark[1]);
      row.classList.toggle("is-hit", number === hit);
      drawRow(row, number, line, this.step, this.sections.get(number));
    }
    if (this.hits.text || highlighted) highlight();
    const at = this.scroller.scrollTop - (this.top - first) * this.height;
    this.rows.style.transform = `translateY(${Math.max(0, Math.min(at, this.sizer.offsetHeight - n * this.height))}px)`;
    if (missing >= 0) this.fill(missing);
  }
}

function newRow() {
  return make("div", { class: "log-row" }, make("a", { class: "log-n" }), make("time", { class: "log-at" }), make("span", { class: "log-t" }));
}

function drawRow(row, number, line, step, section) {
  const [anchor, time, text] = row.children;
  anchor.textContent = String(number + 1);
  anchor.href = `#step-${step}-L${number + 1}`;
  if (row.line === line && line && row.number === number && row.section === section) return;
  row.line = line;
  row.number = number;
  row.section = section;
  text.replaceChildren();
  const at = line?.at ? new Date(line.at) : null;
  time.textContent = at ? at.toLocaleTimeString("en-GB") + "." + Math.floor(at.getMilliseconds() / 100) : "";
  time.title = line?.at ?? "";
  if (!line) { text.textContent = "…"; return; }
  if (section && section.last_line > number) {
    const fold = button(section.closed ? "▸" : "▾", section.closed ? "Unfold" : "Fold", () => {});
    fold.className = "log-fold";
    fold.dataset.line = number;
    fold.setAttribute("aria-expanded", String(!section.closed));
    fold.setAttribute("aria-label", section.title || "Section");
    text.append(fold, make("b", section.muted ? { class: "faint" } : {}, section.title.replace(hidden, show)));
    if (section.closed) text.append(make("span", { class: "quiet" }, ` ${(section.last_line - number).toLocaleString("en")} lines`));
    return;
  }
  paint(text, line.text);
  if (line.more || line.bytes > MAX_COLUMNS) {
    text.append(make("span", { class: "log-cut" }, ` … line is ${line.more ? "more than " : ""}${line.bytes.toLocaleString("en")} bytes`));
  }
}

// highlight marks what is searched for in all rows in sight, where the browser
// can do so without touching the document.
let highlighted = false;
function highlight() {
  if (!globalThis.CSS?.highlights) return;
  const ranges = [];
  for (const view of views.values()) {
    const wanted = view.hits.text.toLowerCase();
    if (wanted === "" || /^\/.+\/$/.test(wanted)) continue;
    for (const text of view.rows.querySelectorAll(".log-t")) {
      const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
      while (walker.nextNode() && ranges.length < 500) {
        const lower = walker.currentNode.data.toLowerCase();
        if (lower.length !== walker.currentNode.length) continue;
        for (let i = lower.indexOf(wanted); i >= 0; i = lower.indexOf(wanted, i + wanted.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, i);
          range.setEnd(walker.currentNode, i + wanted.length);
          ranges.push(range);
        }
      }
    }
  }
  highlighted = ranges.length > 0;
  CSS.highlights.set("log-match", new Highlight(...ranges));
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

// fragment reads "#step-2-L12-L20", or "#s2-L12-L20", as ["2", 11, 19]; "#L12" is
// of no step in particular.
function fragment() {
  const [, step, , first, last] = /^#(?:s(?:tep-)?(\d+)(-|$))?(?:L(\d+)(?:-L?(\d+))?)?$/.exec(location.hash) ?? [];
  const from = first ? parseInt(first, 10) - 1 : -1;
  return [step ?? "", from, last ? Math.max(from, parseInt(last, 10) - 1) : from];
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
  const [step, first, last] = fragment();
  const details = step !== "" ? document.getElementById(`step-${step}`) : first >= 0 ? document.querySelector("details.step[open]") : null;
  if (!details) return;
  details.open = true;
  const known = views.get(details.querySelector(".log"));
  attach();
  if (known && first >= 0) known.goto(first, last);
  if (first >= 0) details.scrollIntoView({ block: "nearest" });
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

let looking = 0, looked = -TAIL_PAUSE;
function look() {
  if (looking) return;
  looking = setTimeout(() => {
    looking = 0;
    looked = performance.now();
    for (const view of views.values()) if (view.live) view.tail();
  }, Math.max(0, looked + TAIL_PAUSE - performance.now()));
}
document.addEventListener("log", look);
setInterval(() => { if (!document.hidden) look(); }, POLL);

followHash();
attach();
