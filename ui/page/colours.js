// The colours: light or dark, as the system says or as the reader chooses. early.js
// sets the stored choice before the first paint.

import { settingChooser } from "./dom.js";
import { Setting } from "./setting.js";
import * as words from "./words.js";

// coloursChooser makes a select element for the colours.
export function coloursChooser() {
  const colours = new Setting("colours", ["system", "light", "dark"]);
  colours.subscribe((value) => {
    if (value === "system") {
      delete document.documentElement.dataset.colours;
    } else {
      document.documentElement.dataset.colours = value;
    }
  });
  return settingChooser(words.colours, words.schemes, colours);
}
