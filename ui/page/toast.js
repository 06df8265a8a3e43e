// Short messages at the edge of the window, which go away by themselves.

import { announce, button, el, ignoreDoubleClick, moveToTopDialog } from "./dom.js";
import * as words from "./words.js";

const DURATION = 8000; // milliseconds

// toast shows text, and a button if there is an action. It stays while the pointer
// or the focus is on it. Then it is removed and onDismiss is called. If the button
// is pressed, onAction is called instead, with whether the focus was on the toast.
// spoken is said by screen readers in the place of text. toast returns { act, remove }:
// act does what the button does, and remove removes the toast and calls nothing.
export function toast(text, { action, spoken, onAction, onDismiss } = {}) {
  let timer = 0;
  const end = (callback) => () => {
    if (!element.isConnected) {
      return; // it has ended already
    }
    clearTimeout(timer);
    const focused = element.contains(document.activeElement);
    element.remove();
    if (focused) {
      (document.querySelector("dialog[open] [autofocus]") ?? document.getElementById("gallery-title")).focus();
    }
    callback?.(focused);
  };
  const stopTimer = () => clearTimeout(timer);
  const startTimer = () => {
    stopTimer();
    if (!element.matches(":hover, :focus-within")) {
      timer = setTimeout(end(onDismiss), DURATION);
    }
  };
  const element = el("div", {
    class: "toast",
    onpointerenter: stopTimer,
    onpointerleave: startTimer,
    onfocusin: stopTimer,
    onfocusout: () => setTimeout(startTimer), // after the focus has moved
  },
    el("p", {}, text),
    action && button(action, ignoreDoubleClick(end(onAction))),
    button(words.dismiss, ignoreDoubleClick(end(onDismiss)), { icon: "close" }));
  const region = document.getElementById("toasts");
  moveToTopDialog(region);
  region.prepend(element); // if they do not all fit, the newest is seen (style.css)
  announce(spoken ?? text);
  startTimer();
  return { act: end(onAction), remove: end() };
}
