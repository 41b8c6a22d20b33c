// Says of the point that is nearest to the pointer what it is: its build and its
// value. The points are links, and the table below a chart has them all, so
// nothing depends on this.

const svg = "http://www.w3.org/2000/svg";
const reach = 40; // how far from a point, in units of the drawing

function tipOf(chart) {
  let tip = chart.querySelector(".chart-tip");
  if (tip) return tip;
  tip = document.createElementNS(svg, "g");
  tip.setAttribute("class", "chart-tip");
  tip.setAttribute("aria-hidden", "true");
  for (const name of ["rect", "circle", "text"]) tip.append(document.createElementNS(svg, name));
  chart.append(tip);
  return tip;
}

function nearest(chart, event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
  let best = null, least = reach;
  for (const dot of chart.querySelectorAll("a > circle")) {
    const far = Math.abs(dot.cx.baseVal.value - at.x) + Math.abs(dot.cy.baseVal.value - at.y) / 8;
    if (far < least) [best, least] = [dot, far];
  }
  return best;
}

function show(chart, dot) {
  const tip = tipOf(chart);
  if (!dot) return tip.remove();
  const [box, ring, text] = tip.children;
  const x = dot.cx.baseVal.value, y = dot.cy.baseVal.value;
  text.textContent = dot.textContent;
  ring.setAttribute("cx", x);
  ring.setAttribute("cy", y);
  ring.setAttribute("r", 4.5);
  const width = text.getComputedTextLength() + 12;
  const left = Math.min(Math.max(x - width / 2, 0), chart.viewBox.baseVal.width - width);
  const above = y > 34 ? y - 26 : y + 10;
  box.setAttribute("x", left);
  box.setAttribute("y", above);
  box.setAttribute("width", width);
  box.setAttribute("height", 18);
  box.setAttribute("rx", 4);
  text.setAttribute("x", left + 6);
  text.setAttribute("y", above + 13);
}

document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest?.("svg[data-chart]");
  for (const other of document.querySelectorAll("svg[data-chart] > .chart-tip")) {
    if (other.parentNode !== chart) other.remove();
  }
  if (chart) show(chart, nearest(chart, event));
});

document.addEventListener("click", (event) => {
  const chart = event.target.closest?.("svg[data-chart]");
  if (!chart || event.target.closest("a") || event.defaultPrevented) return;
  const dot = nearest(chart, event);
  if (dot) location.assign(dot.parentNode.getAttribute("href"));
});
