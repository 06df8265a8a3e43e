// The page's icons, drawn on a grid of 24 with a stroke (style.css).

const SVG = "http://www.w3.org/2000/svg";

const paths = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  download: "M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14",
  fold: "M5.500 9l6.500 6.500L18.500 9",
  info: "M12 3.500a8.500 8.500 0 1 0 0 17a8.500 8.500 0 1 0 0-17zM12 11v5.500M12 7.600v.2",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  next: "M9.5 5l7 7-7 7",
  previous: "M14.5 5l-7 7 7 7",
  remove: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5",
  rename: "M5 19l.8-3.6L16 5.200l2.800 2.800L8.600 18.200z",
  retry: "M19.500 5v5h-5M19 10a7.500 7.500 0 1 0 .300 3.500",
  share: "M12 15V4M8 7.500L12 3.800l4 3.700M7.500 11H5v9h14v-9h-2.500",
  upload: "M12 15.500V4.500m-5 5 5-5 5 5M4.500 15v4.500h15V15",
  warning: "M12 4.500l8.500 15h-17zM12 10v4.500M12 17v.100",
  zoom: "M14.500 4.500h5v5M9.500 19.500h-5v-5M19.500 4.500l-6 6M4.500 19.500l6-6",
};

// icon makes an icon. Screen readers do not see the icon, because the control around it
// has a label.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}
