// The language of the page. The reader chooses, or the server chooses by the languages of the
// browser.

import { chooser } from "./dom.js";
import { language } from "./intl.js";

const YEAR = 365 * 24 * 60 * 60; // seconds

// languageChooser makes a select element for the language. A choice loads the page again in
// that language.
export function languageChooser() {
  const select = chooser(TEXT.language, TEXT.languages, language, (chosen) => {
    document.cookie = `lang=${chosen}; path=${location.pathname}; max-age=${YEAR}; samesite=lax`; // read by language.go
    location.reload();
  });
  for (const option of select.options) {
    option.lang = option.value; // a screen reader says each name with the right voice
  }
  return select;
}
