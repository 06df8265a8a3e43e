// The colours are light or dark. The reader chooses, or the system decides. early.js sets
// the stored choice before the browser first paints the page.

import { settingChooser } from "./dom.js";
import { Setting } from "./setting.js";

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
  return settingChooser(TEXT.colours, TEXT.schemes, colours);
}
