// Light or dark: as the system says, or as chosen here. early.js sets the
// choice before the first paint.

import { settingChooser } from "./dom.js";
import { Setting } from "./setting.js";
import * as words from "./words.js";

// coloursChooser makes the switch.
export function coloursChooser() {
  const colours = new Setting("colours", ["system", "light", "dark"]);
  colours.watch((value) => {
    if (value === "system") {
      delete document.documentElement.dataset.colours;
    } else {
      document.documentElement.dataset.colours = value;
    }
  });
  return settingChooser(words.colours, words.schemes, colours);
}
