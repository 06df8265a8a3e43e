// The page's icons, drawn on a grid of 24 with a stroke (style.css).

const paths = {
  check: "M5 12l5 5 9-9",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  download: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  fold: "M5 9l7 7 7-7",
  info: "M12 4a8 8 0 1 0 0 17a8 8 0 1 0 0-17zM12 11v5M12 8h.01",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  next: "M9 5l7 7-7 7",
  previous: "M15 5l-7 7 7 7",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  rename: "M5 19l1-4L16 5l3 3L9 18z",
  retry: "M19 5v5h-5M19 10a7 7 0 1 0 0 4",
  share: "M12 15V4M8 8l4-4 4 4M7 11H5v9h14v-9h-2",
  upload: "M12 15V4m-5 5 5-5 5 5M4 15v5h16v-5",
  warning: "M12 4l9 16H3zM12 10v5M12 17h.01",
  zoom: "M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7",
};

// icon makes an icon. Screen readers do not see the icon, because the control around it
// has a label.
export function icon(name) {
  return drawing(paths[name], { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" });
}

// drawing makes an SVG with one path.
export function drawing(d, attributes) {
  const svg = shape("svg", attributes);
  svg.append(shape("path", { d }));
  return svg;
}

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}
