// The page of a graph that was rolled up: every box can be opened.
const START = "Choose a box: it opens here, with its numbers and one of the nodes that it stands for.";
let chosen = null;

function histogram(spread) {
  const svg = document.createElementNS(SVG, "svg"), top = Math.max(...spread.bins), n = spread.bins.length;
  svg.setAttribute("viewBox", "0 0 300 70");
  svg.setAttribute("class", "histogram");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${spread.bins.join(", ")} nodes in ${n} equal steps from ${spread.low} to ${spread.high}`);
  spread.bins.forEach((count, i) => {
    const bar = document.createElementNS(SVG, "rect"), title = document.createElementNS(SVG, "title");
    const width = 300 / n, height = count ? Math.max(2, 54 * count / top) : 0;
    for (const [name, value] of [["x", i * width + 1], ["y", 55 - height], ["width", width - 2], ["height", height]]) bar.setAttribute(name, value);
    title.textContent = spread.titles[i];
    bar.setAttribute("class", spread.looks[i]);
    bar.append(title);
    svg.append(bar);
  });
  for (const [x, anchor, words] of [[0, "start", spread.low], [300, "end", spread.high]]) {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", x);
    text.setAttribute("y", 67);
    text.setAttribute("text-anchor", anchor);
    text.textContent = words;
    svg.append(text);
  }
  return svg;
}

function show(part) {
  const inside = byId("inside");
  inside.replaceChildren(element("h3", part.title));
  const drawn = document.importNode(new DOMParser().parseFromString(part.svg, "image/svg+xml").documentElement, true);
  inside.append(drawn);
}

function open(id) {
  chosen = id;
  picture.querySelectorAll(".box").forEach(box => box.classList.toggle("chosen", box.id === id));
  const about = byId("about"), box = DATA.boxes[id];
  about.replaceChildren();
  byId("inside").replaceChildren();
  byId("name").textContent = box ? box.name : "Open a box";
  if (!box) { about.append(element("p", START), element("p", DATA.why, "soft")); return; }
  for (const line of box.lines) about.append(element("p", line));
  for (const spread of box.spreads) {
    about.append(element("h3", spread.name));
    for (const line of spread.lines) about.append(element("p", line, "sum"));
    if (spread.bins.length) about.append(histogram(spread));
  }
  about.append(element("h3", "nodes"));
  const row = element("div", undefined, "row");
  box.parts.forEach((part, k) => {
    const button = element("button", part.name);
    button.addEventListener("click", () => {
      row.querySelectorAll("button").forEach((other, i) => other.setAttribute("aria-pressed", String(i === k)));
      show(part);
    });
    button.setAttribute("aria-pressed", String(k === 0));
    row.append(button);
  });
  about.append(row);
  show(box.parts[0]);
}

picture.querySelectorAll(".box").forEach(box => {
  box.setAttribute("tabindex", "0");
  box.setAttribute("role", "button");
  const title = document.createElementNS(SVG, "title");
  title.textContent = DATA.boxes[box.id].name;
  box.prepend(title);
  box.addEventListener("click", () => open(chosen === box.id ? null : box.id));
  box.addEventListener("keydown", e => {
    if (e.key !== "Enter" && e.key !== " ") return;
    e.preventDefault();
    open(chosen === box.id ? null : box.id);
  });
});
picture.setAttribute("role", "group");
picture.querySelector("title").remove();
picture.setAttribute("aria-label", "Graph of the computation");
addEventListener("keydown", e => { if (e.key === "Escape") open(null); });
open(null);
zoom(Math.min(1, Math.max(whole(), 0.7)));
