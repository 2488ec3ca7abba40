// What pages have in common: their data and their picture, unpacked; the size of the picture. Stands before their script.
const byId = id => document.getElementById(id);
if (byId("packed").textContent) {
  const bytes = Uint8Array.from(atob(byId("packed").textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { data, picture } = await new Response(stream).json();
  byId("data").textContent = data;
  byId("canvas").append(document.importNode(new DOMParser().parseFromString(picture, "image/svg+xml").documentElement, true));
}
const DATA = JSON.parse(byId("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const picture = document.querySelector("svg.glassgrad"), graph = byId("graph");
const SIZE = [Number(picture.getAttribute("width")), Number(picture.getAttribute("height"))];
let scale = 1;
function zoom(to) {
  scale = Math.max(0.1, Math.min(3, to));
  picture.setAttribute("width", SIZE[0] * scale);
  picture.setAttribute("height", SIZE[1] * scale);
  graph.dispatchEvent(new Event("zoomed"));
}
const whole = () => Math.min((graph.clientWidth - 20) / SIZE[0], (graph.clientHeight - 20) / SIZE[1]);
byId("smaller").addEventListener("click", () => zoom(scale / 1.25));
byId("larger").addEventListener("click", () => zoom(scale * 1.25));
byId("fit").addEventListener("click", () => zoom(Math.min(whole(), 1)));
const element = (tag, text, kind) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (kind) e.className = kind;
  return e;
};
