// Short messages at the edge of the window, which go by themselves.

import { announce, button, el, hoist, single } from "./dom.js";
import * as words from "./words.js";

const LIFE = 8000; // milliseconds

// toast shows text and, with an action, a button for it. It stays while the
// pointer or the focus is on it. Then it goes and calls gone; when the button
// was pressed it calls act instead, with whether the focus was on it. What it
// returns does the same by hand, {act, end}, or takes it away, {drop}.
export function toast(text, { action, spoken, act, gone } = {}) {
  let timer = 0;
  const go = (then) => () => {
    if (!element.isConnected) {
      return; // it has gone already
    }
    clearTimeout(timer);
    const focused = element.contains(document.activeElement);
    element.remove();
    if (focused) {
      (document.querySelector("dialog[open] [autofocus]") ?? document.getElementById("gallery-title")).focus();
    }
    then?.(focused);
  };
  const stay = () => clearTimeout(timer);
  const leave = () => {
    stay();
    if (!element.matches(":hover, :focus-within")) {
      timer = setTimeout(go(gone), LIFE);
    }
  };
  const element = el("div", {
    class: "toast",
    onpointerenter: stay,
    onpointerleave: leave,
    onfocusin: stay,
    onfocusout: () => setTimeout(leave), // when the focus is where it goes
  },
    el("p", {}, text),
    action && button(action, single(go(act))),
    button(words.dismiss, single(go(gone)), { icon: "close" }));
  const region = document.getElementById("toasts");
  hoist(region);
  region.prepend(element); // the newest is the one in sight, where they are many (style.css)
  announce(spoken ?? text);
  leave();
  return { act: go(act), end: go(gone), drop: go() };
}
