package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"

	"imageserver/api/language"
)

// table has the texts of one language by key. A text is a string. An object with the member
// "other" has the plural forms of a text (Unicode CLDR). Any other object is a group of
// texts.
type table map[string]json.RawMessage

func readTable(files fs.FS, tag string) (table, error) {
	name := "words/" + tag + ".json"
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var words table
	if err := json.Unmarshal(content, &words); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return words, nil
}

// markup returns index.html in one language. If the table has no text for a key that the
// template uses, markup returns an error.
func markup(files fs.FS, tag string) ([]byte, error) {
	words, err := readTable(files, tag)
	if err != nil {
		return nil, err
	}
	texts := map[string]any{"tag": tag}
	for key, raw := range words {
		var text any
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err // unreachable: the table was decoded
		}
		texts[key] = text
	}
	page, err := template.New("index.html").Option("missingkey=error").ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := page.Execute(&content, texts); err != nil {
		return nil, fmt.Errorf("%s: %w", tag, err)
	}
	return content.Bytes(), nil
}

// script returns main.js in one language. The modules use texts as TEXT.key. In place of each
// TEXT.key, the script has the text of this key. So the page needs no second request for its
// texts, and the script does not contain the keys. A table with the keys was 1.3 kB longer
// after compression.
func script(files fs.FS, tag string) ([]byte, error) {
	words, err := readTable(files, tag)
	if err != nil {
		return nil, err
	}
	if words["languages"], err = languageNames(files); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for key, text := range words {
		texts["TEXT."+key] = string(shortened(text))
	}
	return bundle(files, "main.js", texts)
}

// shortened leaves out each plural form of a text that is the same as the form "other". If a
// form is missing, words.js uses the form "other".
func shortened(text json.RawMessage) json.RawMessage {
	var forms map[string]string
	if json.Unmarshal(text, &forms) != nil || forms["other"] == "" {
		return text // it has no plural forms
	}
	other := forms["other"]
	maps.DeleteFunc(forms, func(form, text string) bool { return form != "other" && text == other })
	var content any = forms
	if len(forms) == 1 {
		content = other
	}
	short, _ := json.Marshal(content) // it does not fail for strings
	return short
}

// languageNames returns a JSON object with the name of each language in that language.
func languageNames(files fs.FS) (json.RawMessage, error) {
	var members [][]byte
	for _, tag := range language.All {
		words, err := readTable(files, tag)
		if err != nil {
			return nil, err
		}
		members = append(members, fmt.Appendf(nil, "%q:%s", tag, words["languageName"]))
	}
	return fmt.Appendf(nil, "{%s}", bytes.Join(members, []byte(","))), nil
}
