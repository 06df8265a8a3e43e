// Short messages at the edge of the window. The page removes them after some seconds.

import { announce, button, el, ignoreDoubleClick, moveToTopDialog } from "./dom.js";

const DURATION = 8000; // milliseconds

// toast shows a message with this text, and with a button if action is set. The message
// stays while the pointer or the focus is on it. After that, toast removes the message and
// calls onDismiss. If the reader presses the button, toast calls onAction(focused) instead.
// focused says whether the focus was on the message. Screen readers say spoken instead of
// text. toast returns { act, remove }. act() does the same as the button. remove() removes
// the message without a callback.
export function toast(text, { action, spoken, onAction, onDismiss } = {}) {
  let timer = 0;
  const end = (callback) => () => {
    if (!element.isConnected) {
      return; // the message was already removed
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
    button(TEXT.dismiss, ignoreDoubleClick(end(onDismiss)), { icon: "close" }));
  const region = document.getElementById("toasts");
  moveToTopDialog(region);
  region.prepend(element); // if not all messages fit, people see the newest message (style.css)
  announce(spoken ?? text);
  startTimer();
  return { act: end(onAction), remove: end() };
}
