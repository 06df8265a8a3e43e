// The reader's choices for uploads: how long the server keeps an image, whether it removes
// the metadata, and what happens if the name is taken. The browser remembers the choices
// for the session, so that nobody is surprised by them on another day.

import { el, setText, settingChooser } from "./dom.js";
import { alwaysStrips, onLimits, strippableTypes } from "./limits.js";
import { Setting } from "./setting.js";
import * as words from "./words.js";

const keepFor = new Setting("keep-for", ["forever", "1d", "7d", "30d", "365d"], "sessionStorage");
const strip = new Setting("strip", ["off", "on"], "sessionStorage");
const conflict = new Setting("name-taken", ["rename", "replace", "error"], "sessionStorage");

// uploadOptions returns the choices as parameters of the API: { expires_in, strip, conflict }.
// A parameter without a value is the default.
export function uploadOptions() {
  return {
    expires_in: keepFor.value === "forever" ? "" : keepFor.value,
    strip: strip.value === "on" ? "1" : "",
    conflict: conflict.value === "rename" ? "" : conflict.value,
  };
}

// optionFields makes the controls of the choices.
function optionFields() {
  const box = el("input", { type: "checkbox", onchange: () => { strip.value = box.checked ? "on" : "off"; } });
  const hint = el("span", { class: "hint" });
  const showLimits = () => {
    const strippable = strippableTypes();
    box.disabled = alwaysStrips();
    box.checked = alwaysStrips() || strip.value === "on";
    hint.textContent = alwaysStrips() ? TEXT.alwaysStrips : strippable.length > 0 ? words.strippable(strippable) : "";
  };
  strip.subscribe(showLimits);
  onLimits(showLimits);
  return el("div", { class: "option-fields" },
    el("label", {}, el("span", {}, TEXT.keepFor), settingChooser(TEXT.keepFor, TEXT.keepForChoices, keepFor)),
    el("label", {}, el("span", {}, TEXT.ifNameTaken), settingChooser(TEXT.ifNameTaken, TEXT.nameTakenChoices, conflict)),
    el("label", { class: "check" }, box, el("span", {}, TEXT.strip, hint)));
}

// onOptions calls listener with a short text at once and after each change. The text names
// the choices that are not the default. It is empty if there are none.
function onOptions(listener) {
  const report = () => listener([
    keepFor.value !== "forever" && TEXT.keepForChoices[keepFor.value],
    strip.value === "on" && TEXT.stripped,
    conflict.value !== "rename" && TEXT.nameTakenChoices[conflict.value],
  ].filter(Boolean).join(" · "));
  [keepFor, strip, conflict].forEach((setting) => setting.subscribe(report));
}

// optionsDisclosure makes a disclosure with the controls.
export function optionsDisclosure() {
  const chosen = el("span", { class: "chosen" });
  onOptions((text) => { chosen.textContent = text; });
  return el("details", { class: "options" }, el("summary", {}, TEXT.options, chosen), optionFields());
}

// connectOptionsButton makes the box with the controls that the button of the header opens.
// While some choices are not the default, the button names them.
export function connectOptionsButton(button) {
  const chosen = el("span", { class: "chosen" });
  const box = el("div", { id: "upload-options", popover: "auto", role: "dialog", "aria-label": TEXT.uploadOptions }, optionFields());
  button.append(chosen);
  button.after(box);
  button.popoverTargetElement = box;
  onOptions((text) => {
    setText(chosen, text);
    button.classList.toggle("set", text !== "");
  });
}
