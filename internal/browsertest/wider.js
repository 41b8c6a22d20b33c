// Finds what makes a page wider than its window: by how many pixels it is, which
// elements do that, and which would if there was more to see. A box that scrolls by itself
// holds what is in it, but for what is placed against something outside of the box.
(() => {
  const width = document.documentElement.clientWidth;
  const name = (e) => e.tagName + "." + (e.getAttribute("class") ?? "") + " " + e.textContent.trim().slice(0, 40);
  const places = (style) => style.position !== "static" || style.transform !== "none";
  const out = [], loose = [];
  for (const e of document.querySelectorAll("body *")) {
    const position = getComputedStyle(e).position, far = e.getBoundingClientRect().right > width;
    if (position !== "absolute" && !far || !e.checkVisibility()) continue;
    let free = position === "absolute", left = false, held = position === "fixed";
    for (let up = e.parentElement; up && up !== document.body && !held; up = up.parentElement) {
      const around = getComputedStyle(up), scrolls = around.overflowX !== "visible";
      if (free && !places(around)) {
        left ||= scrolls;
        continue;
      }
      held = scrolls || around.position === "fixed";
      free = around.position === "absolute";
    }
    if (held) continue;
    if (far) out.push(e);
    if (left && position === "absolute") loose.push(e);
  }
  const over = document.documentElement.scrollWidth - width;
  return { Over: Math.max(over, 0), Out: out.slice(-3).map(name).join(" | "), Loose: loose.slice(0, 3).map(name).join(" | ") };
})()
